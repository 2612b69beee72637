"""`trunkline pstn`: a telephone network as a model, whose carriers write call records, and studies of it."""

import typer

app = typer.Typer(
    help="The telephone network as a model: call records, adoption study.", no_args_is_help=True
)


@app.callback()
def _commands() -> None:
    """The telephone network as a model: call records, adoption study."""
