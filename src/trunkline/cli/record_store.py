"""`trunkline record-store`: runs the record store."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `serve` a subcommand, so that others can come beside it."""


@app.command("serve")
def serve(config: Annotated[Path, typer.Option(help="The store's config.toml.")]) -> None:
    """Runs the record store until SIGTERM."""
    from trunkline.jager.record_store.__main__ import run

    run(config)
