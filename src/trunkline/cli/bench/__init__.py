"""`trunkline bench`: measures what users run. One module a command."""

import typer

from trunkline.cli.bench import labels, paper, pipeline, primitives, store, trace

app = typer.Typer(no_args_is_help=True)
app.command("primitives")(primitives.primitives)
app.command("pipeline")(pipeline.pipeline)
app.command("trace")(trace.trace)
app.command("store")(store.store)
app.command("labels")(labels.labels)
app.command("paper")(paper.paper)
