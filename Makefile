# One name per task; people and CI use the same ones. `make demo` and `make test` set up what they need.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
CARGO := $(shell command -v cargo || echo $$HOME/.cargo/bin/cargo)
CARGO_PROFILE := dev
RUST_SOURCES := $(shell find crates -name '*.rs' -o -name Cargo.toml 2>/dev/null) Cargo.toml Cargo.lock .cargo/config.toml
STAGE := scripts/stage
FUZZ_SECONDS ?= 600

# The servers that tests start; the tests choose ports and folders of their own.
TEST_SERVERS := /usr/lib/postgresql/*/bin/postgres=postgresql
CLUSTER_SERVERS := /usr/lib/jvm/*17*/bin/java=openjdk-17-jre-headless mvn=maven

.PHONY: help setup demo test test-cluster lint lint-python lint-rust test-rust test-python bench bench-deep fuzz openapi wheel clean

help: ## list the tasks
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.core-built ## make .venv with everything in it

$(VENV)/.requirements-installed: pyproject.toml constraints.txt scripts/check-machine
	@scripts/check-machine
	@test -x $(BIN)/python || python3 -m venv $(VENV)
	@echo "setup: Python packages" >&2
	@$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	@touch $@

$(VENV)/.core-built: $(VENV)/.requirements-installed $(RUST_SOURCES)
	@echo "setup: Rust core" >&2
	@PATH="$(dir $(CARGO)):$$PATH" VIRTUAL_ENV=$(CURDIR)/$(VENV) PIP_QUIET=1 PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/maturin develop --quiet --locked --profile $(CARGO_PROFILE) --extras pstn,cluster,postgresql
	@touch $@

demo: setup ## trace a robocall campaign through the records of eight real switches
	@$(BIN)/trunkline demo

test: ## everything that must pass, with the time of each stage
	@$(STAGE) setup $(MAKE) --no-print-directory setup
	@$(STAGE) lint-python $(MAKE) --no-print-directory lint-python
	@$(STAGE) lint-rust $(MAKE) --no-print-directory lint-rust
	@$(STAGE) test-rust $(MAKE) --no-print-directory test-rust
	@$(STAGE) test-python $(MAKE) --no-print-directory test-python

lint: lint-python lint-rust ## formats, types, import rules, clippy

lint-python: setup
	@$(BIN)/ruff format --check --quiet src tests
	@$(BIN)/ruff check --quiet src tests
	@$(BIN)/mypy --no-error-summary
	@PYTHONPATH=src $(BIN)/lint-imports --no-cache >/dev/null || PYTHONPATH=src $(BIN)/lint-imports --no-cache

lint-rust: setup
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --quiet --locked --workspace --all-targets --profile $(CARGO_PROFILE) -- -D warnings

test-rust: setup
	@$(CARGO) test --quiet --locked --workspace --profile $(CARGO_PROFILE)

test-python: setup
	@scripts/need-packages $(TEST_SERVERS)
	@$(BIN)/pytest --numprocesses 2 --dist loadfile

test-cluster: ## the record store on three real Cassandra nodes, one of which is lost
	@$(STAGE) setup $(MAKE) --no-print-directory setup
	@scripts/need-packages $(CLUSTER_SERVERS)
	@$(STAGE) test-cluster $(BIN)/pytest tests/cluster

bench: setup ## the figures of docs/benchmarks.md, and the pages that are printed by a command; about 25 minutes
	@mkdir -p target/bench
	@for one in primitives pipeline store labels; do $(BIN)/trunkline bench $$one --json >target/bench/$$one.json; tail -n 1 target/bench/$$one.json; done
	@$(BIN)/trunkline bench trace
	@$(BIN)/trunkline bench trace --labels 2001
	@for one in pipeline store labels; do $(BIN)/trunkline bench $$one --cores; done
	@$(BIN)/trunkline bench paper --out docs
	@$(BIN)/trunkline plan --calls-per-second 10000 $(foreach one,primitives pipeline store labels,--costs target/bench/$(one).json) --out docs/sizing-plan.md
	@$(BIN)/trunkline pstn adoption --plot docs/adoption.svg

bench-deep: setup ## a record store of 20 million records; 20 minutes, and 36 GB in TMPDIR
	@$(BIN)/trunkline bench store --depth 20000000

fuzz: setup ## feed changed bytes to every decoder for FUZZ_SECONDS
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet --constraint constraints.txt --group fuzz
	@$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS) target/fuzz

openapi: setup ## write docs/openapi from the services
	@$(BIN)/python -m tests.openapi.generate

wheel: setup ## an abi3 wheel in dist/
	@PATH="$(dir $(CARGO)):$$PATH" $(BIN)/maturin build --quiet --locked --profile $(CARGO_PROFILE) --out dist

clean: ## remove what the tasks made
	@rm -rf $(VENV) target dist .mypy_cache .pytest_cache .ruff_cache .hypothesis src/trunkline/_core*.so
