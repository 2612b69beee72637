"""The options that several benches have."""

from pathlib import Path
from typing import Annotated

import typer

Cores = Annotated[bool, typer.Option("--cores", help="Compare one core with two, in five alternating pairs.")]
Profile = Annotated[
    Path | None, typer.Option(help="The unstripped core: samples with perf; see scripts/profile-curve.")
]
