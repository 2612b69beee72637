"""Run the record store: `python -m trunkline.jager.record_store --config FILE`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trunkline.errors import TrunklineError

SWITCH_INTERVAL_S = 0.0005


def run(config_file: Path) -> None:
    """Serve until SIGTERM.

    Raises:
        TrunklineError: The store cannot start: its configuration, its files, its port.
    """
    # Loaded here, so that --help and a wrong option answer at once.
    from trunkline.jager.record_store.app import SERVICE, create
    from trunkline.jager.record_store.config import load
    from trunkline.service.logs import configure_logging
    from trunkline.service.server import serve

    configure_logging(SERVICE)
    # A thread that computes gives the interpreter to others after so long; with 5 ms, the default, a look-up
    # would wait for the writing of records.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    config = load(config_file)
    serve(
        create(config),
        host=config.host,
        port=config.port,
        tls=config.tls,
        name=SERVICE,
        monitoring=config.monitoring,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, serve, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m trunkline.jager.record_store", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the store's configuration file")
    try:
        run(parser.parse_args(arguments).config)
    except TrunklineError as error:
        sys.stderr.write(f"record-store: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
