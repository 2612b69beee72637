"""`python -m trunkline.jager.carrier --config FILE` runs a carrier's agent."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from trunkline.errors import TrunklineError
from trunkline.jager.carrier.agent import Agent
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.service.config import load_config
from trunkline.service.logs import configure_logging


def run_agent(config_file: Path) -> None:
    """Run an agent in this process until SIGTERM or SIGINT.

    Raises:
        TrunklineError: As `Agent.run`.
    """
    configure_logging("carrier")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    Agent(load_config(config_file, CarrierConfig)).run(stop)


def main() -> int:
    """Run the agent that the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m trunkline.jager.carrier", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the carrier's configuration file")
    arguments = parser.parse_args()
    try:
        run_agent(arguments.config)
    except TrunklineError as error:
        sys.stderr.write(f"error ({error.code}): {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
