"""`trunkline authority`: runs authorities, and what their operators decide by hand."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True)

Config = Annotated[Path, typer.Option(help="The authority's config.toml.")]
