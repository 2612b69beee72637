"""`trunkline record-store`: runs the record store, keeps its data safe, prepares and fills its cluster."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trunkline.cli.output import bar, console, print_json

if TYPE_CHECKING:
    from trunkline.jager.record_store.config import CassandraConfig, RecordStoreConfig

app = typer.Typer(no_args_is_help=True)

_Config = Annotated[Path, typer.Option(help="The store's config.toml.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_STEPS = 1000


@app.callback()
def _group() -> None:
    """Keeps `serve` a subcommand, so that others can come beside it."""


@app.command("serve")
def serve(config: _Config) -> None:
    """Runs the record store until SIGTERM."""
    from trunkline.jager.record_store.__main__ import run

    run(config)


@app.command("schema")
def schema(
    config: _Config,
    replication: Annotated[int, typer.Option(help="Replicas of each record, for a new keyspace.")] = 3,
    as_json: _Json = False,
) -> None:
    """Creates or completes the tables in the cluster; run it before the first start and after an update."""
    from trunkline.jager.record_store.cassandra_schema import VERSION, create_schema
    from trunkline.jager.record_store.cassandra_session import open_session

    settings, cluster = _cluster_of(config)
    with open_session(cluster) as session:
        create_schema(
            session,
            store_id=settings.id,
            datacenter=cluster.datacenter,
            replication=replication,
            retention_days=settings.retention_days,
        )
    if as_json:
        print_json({"keyspace": cluster.keyspace, "version": VERSION})
    else:
        console.print(f"the keyspace {cluster.keyspace} has all tables, version {VERSION}")


@app.command("migrate")
def migrate(config: _Config, as_json: _Json = False) -> None:
    """Copies the records of `embedded_data_dir` to the cluster and compares them, while the store runs.

    It may be interrupted at any time, and goes on from there when it is run again.
    """
    from trunkline.jager.record_store.migration import migrate_embedded

    settings, _ = _cluster_of(config)
    with bar("copying, then comparing", _STEPS) as shown:
        state = migrate_embedded(settings, lambda share: shown.set(round(share * _STEPS)))
    result = {"copied": state.copied, "verified": state.verified, "repaired": state.repaired}
    if as_json:
        print_json(result)
    else:
        console.print(
            f"all {state.verified} records are in the cluster; "
            "remove `embedded_data_dir` from the configuration and restart the store"
        )


@app.command("backup")
def backup(
    config: _Config,
    to: Annotated[Path, typer.Option(help="A new folder for the backup.")],
    as_json: _Json = False,
) -> None:
    """Copies the embedded store, running or not, with the checksum of every file."""
    from trunkline.jager.record_store.backup import back_up
    from trunkline.jager.record_store.config import load

    with bar("copying bytes", None) as shown:
        manifest = back_up(load(config), to, time.time, shown.advance, lambda total: shown.set(0, total))
    result = {
        "made_at": manifest.made_at,
        "files": len(manifest.files),
        "bytes": sum(file.size for file in manifest.files.values()),
    }
    if as_json:
        print_json(result)
    else:
        console.print(f"everything acknowledged before now is in {to}: {result['bytes'] / 1e6:.0f} MB")


@app.command("restore")
def restore(
    config: _Config,
    source: Annotated[Path, typer.Option("--from", help="The folder of a backup.")],
    as_json: _Json = False,
) -> None:
    """Makes the data of a store that has none from a backup, and checks every file's checksum."""
    from trunkline.jager.record_store.backup import restore as restore_backup
    from trunkline.jager.record_store.config import load

    with bar("copying bytes", None) as shown:
        manifest = restore_backup(load(config), source, shown.advance, lambda total: shown.set(0, total))
    if as_json:
        print_json({"made_at": manifest.made_at, "files": len(manifest.files)})
    else:
        console.print("the store's data are as they were; start it with `trunkline record-store serve`")


@app.command("check")
def check(config: _Config, as_json: _Json = False) -> None:
    """Reads all data of an embedded store that does not run, and checks all checksums."""
    from trunkline.jager.record_store.backup import check_store
    from trunkline.jager.record_store.config import load

    entries = 0

    def step(more: int) -> None:
        nonlocal entries
        entries += more
        shown.advance(more)

    with bar("checking entries", None) as shown:
        check_store(load(config), step)
    if as_json:
        print_json({"entries": entries})
    else:
        console.print(f"all {entries} entries are sound")


def _cluster_of(path: Path) -> "tuple[RecordStoreConfig, CassandraConfig]":
    from trunkline.errors import ConfigurationError
    from trunkline.jager.record_store.config import load

    settings = load(path)
    if settings.cassandra is None:
        raise ConfigurationError(f"{path} has no table [record_store.cassandra]; add it")
    return settings, settings.cassandra
