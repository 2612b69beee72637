"""A lab whose record store is two processes on one cluster."""

import shutil
import sqlite3
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import tomli_w
from real_processes import answer_of, trunkline

from trunkline.errors import TrunklineError
from trunkline.jager.deployment.lab_run import LabRun
from trunkline.jager.deployment.local import RECORD_STORE
from trunkline.jager.messages.contribution import Receipt
from trunkline.service.client import ServiceClient

SECOND = "record-store-2"
STORES = (RECORD_STORE, SECOND)
SLOW = {"batch": 8, "interval_ms": 200, "delay_max_s": 10.0}
"""Records leave over ten seconds, so that a fault finds some on their way."""


def change(path: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Change a configuration file."""
    config = tomllib.loads(path.read_text())
    edit(config)
    path.write_text(tomli_w.dumps(config))


def store_config(run: LabRun, name: str) -> Path:
    """The configuration of one of the store's processes."""
    return run.deployment.directory / name / "config.toml"


def use_cluster(
    run: LabRun, settings: Mapping[str, Any], *, data_dir: str, embedded: str | None = None
) -> None:
    """Have the store keep its records in a cluster, and prepare the tables."""

    def edit(config: dict[str, Any]) -> None:
        config["data_dir"] = data_dir
        config[RECORD_STORE.replace("-", "_")]["cassandra"] = dict(settings)
        if embedded is not None:
            config[RECORD_STORE.replace("-", "_")]["embedded_data_dir"] = embedded

    config = store_config(run, RECORD_STORE)
    change(config, edit)
    answer_of(trunkline("record-store", "schema", "--config", config, "--json"))


def add_second_store(run: LabRun) -> None:
    """Prepare a second process of the store, which every other carrier uses."""
    folder = run.deployment.directory / SECOND
    shutil.copytree(run.deployment.directory / RECORD_STORE, folder)
    first = tomllib.loads(store_config(run, RECORD_STORE).read_text())["port"]
    second = 32_001 + first % 700  # above those that deployments choose
    change(store_config(run, SECOND), lambda config: config.update(port=second))
    for name in run.deployment.carriers()[::2]:
        change(
            run.deployment.carrier_config(name),
            lambda config: config["carrier"].update(record_store_url=f"https://127.0.0.1:{second}"),
        )


def start_store(run: LabRun, name: str) -> None:
    """Start a process of the store, until it is ready."""
    run.deployment.processes.start(
        name, ["trunkline.jager.record_store", "--config", str(store_config(run, name))]
    )
    run.deployment.processes.wait_ready({name: lambda: readiness(run, name) is None})


def readiness(run: LabRun, name: str) -> TrunklineError | None:
    """What a process answers when it is asked whether it is ready: nothing, if it is."""
    port = tomllib.loads(store_config(run, name).read_text())["port"]
    client = ServiceClient(
        f"https://127.0.0.1:{port}", ca_file=run.deployment.public / "ca.pem", timeout_s=20.0, attempts=1
    )
    try:
        client.get("/ready")
    except TrunklineError as error:
        return error
    return None


def acknowledged_keys(run: LabRun) -> list[bytes]:
    """The keys of all records that carriers have a receipt for."""
    keys: list[bytes] = []
    for name in run.deployment.carriers():
        outbox = run.deployment.carrier_config(name).parent / "data" / "outbox.sqlite"
        with closing(sqlite3.connect(f"file:{outbox}?mode=ro", uri=True)) as connection:
            for (receipt,) in connection.execute("SELECT receipt FROM receipts"):
                keys += [key.encode() for key in Receipt.decode(receipt).keys]
    return keys


def acknowledged(run: LabRun, carriers: Sequence[str] = ()) -> int:
    """How many records, of some carriers or of all, have a receipt so far."""
    return sum(
        int(run.control(name).call("status")["counts"]["acknowledged"])
        for name in carriers or run.deployment.carriers()
    )
