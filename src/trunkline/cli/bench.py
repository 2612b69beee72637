"""`trunkline bench`: measures what users run."""

import typer

from trunkline.cli import bench_pipeline, bench_primitives, bench_trace

app = typer.Typer(no_args_is_help=True)
app.command("primitives")(bench_primitives.primitives)
app.command("pipeline")(bench_pipeline.pipeline)
app.command("trace")(bench_trace.trace)
