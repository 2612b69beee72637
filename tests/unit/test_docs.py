"""The documents say what is: links lead somewhere, and every error, setting and command is the real one."""

import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from pydantic import BaseModel
from typer.core import TyperGroup

import trunkline.jager
import trunkline.service
from trunkline import errors
from trunkline.cli.main import app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
OPERATING = (ROOT / "docs" / "operating.md").read_text()
COMMANDS = typer.main.get_command(app)


def outside_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


def anchors(page: Path) -> set[str]:
    """The anchors that the usual renderers give a page's headings."""
    headings = re.findall(
        r"^#+ +(.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M), re.M
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands_shown(page: Path) -> Iterator[list[str]]:
    """The words after `trunkline` in each code span and each line of a code block that begins with it."""
    text = page.read_text()
    blocks = re.findall(r"^```.*?^```", text, flags=re.S | re.M)
    joined = [re.sub(r"\\\n\s*", " ", block) for block in blocks]
    lines = [line.strip() for block in joined for line in block.splitlines()]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    for shown in [*lines, *spans]:
        command = re.sub(r"^(\$ )?(\.venv/bin/)?(?=trunkline )", "", shown)
        if command.startswith("trunkline "):
            yield shlex.split(command, comments=True)[1:]


def check_command(words: list[str]) -> None:
    command = COMMANDS
    for word in words:
        if not isinstance(command, TyperGroup):
            break
        if word.startswith("-") or word.isupper() or word in {"...", "…"}:
            return
        for one in word.split("|"):
            assert one in command.commands, f"`trunkline {' '.join(words)}`: there is no {one!r}"
        command = command.commands[word.split("|")[0]]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help", "-h"}
    shown = {word.strip("[],") for word in words if word.strip("[],").startswith("--")}
    assert shown <= known, f"`trunkline {' '.join(words)}`: there is no option {sorted(shown - known)}"


def error_classes() -> Iterator[type[errors.TrunklineError]]:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, errors.TrunklineError):
            yield value


def config_classes() -> Iterator[type[BaseModel]]:
    """Every pydantic class that is defined in a module called `config`."""
    for package in (trunkline.service, trunkline.jager):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.rpartition(".")[2] != "config":
                continue
            for value in vars(importlib.import_module(module.name)).values():
                defined_here = isinstance(value, type) and value.__module__ == module.name
                if defined_here and issubclass(value, BaseModel):
                    yield value


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_relative_ones_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", outside_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), f"{target} leads nowhere"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{target}: no such heading"


def test_links_wrong_anchor_is_noticed():
    # What the test above relies on: headings become anchors as renderers make them.
    assert "7-public-parameters-and-registry" in anchors(ROOT / "docs" / "protocol.md")
    assert "no-such-heading" not in anchors(ROOT / "docs" / "protocol.md")


def test_errors_each_has_a_row_with_its_status():
    table = OPERATING.partition("## Error codes")[2]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", table, flags=re.M))
    assert rows == {one.code: str(one.status) for one in error_classes()}


def test_settings_each_stands_in_the_operating_page():
    classes = list(config_classes())
    assert len(classes) >= 5, "configuration classes are looked for in the wrong place"
    named = set(re.findall(r"`\[?([a-z_]+)\]?`", OPERATING))
    missing = {
        f"{one.__name__}.{field}" for one in classes for field in one.model_fields if field not in named
    }
    assert not missing, "describe these in docs/operating.md"


def test_tests_named_in_the_documents_exist():
    code = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("crates/**/*.rs")]
    defined = {name for file in code for name in re.findall(r"\b(?:def|fn) (\w+)\(", file.read_text())}
    rows = (
        (ROOT / "docs" / "divergences.md")
        .read_text()
        .partition("| tests, for instance |")[2]
        .splitlines()[2:]
    )
    named = [re.findall(r"`(\w+)`", row.split("|")[4]) for row in rows if row.startswith("|")]
    assert len(named) >= 15
    assert all(named), "a fault of the prototype without a test"
    assert {name for names in named for name in names} <= defined


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_each_exists_with_its_options(page):
    for words in commands_shown(page):
        check_command(words)


@pytest.mark.parametrize(
    ("shown", "complaint"),
    [
        ("keys nonsense", "no 'nonsense'"),
        ("keys sign --nonsense 1", "no option"),
        ("nonsense", "no 'nonsense'"),
    ],
)
def test_commands_wrong_one_is_noticed(shown, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_command(shown.split())


def test_decision_records_are_numbered_dated_and_complete():
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [record.name[:4] for record in records] == [f"{number + 1:04}" for number in range(len(records))]
    for record in records:
        text = record.read_text()
        assert re.search(
            r"^Date: \d{4}-\d\d-\d\d\. Status: (accepted|superseded by .+)\.$", text, flags=re.M
        ), record
        sections = re.findall(r"^## (.+)$", text, flags=re.M)
        assert sections == ["Context", "Decision", "Rejected", "Consequences"], record
