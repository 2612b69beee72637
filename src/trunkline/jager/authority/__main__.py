"""Runs one or several authorities: `python -m trunkline.jager.authority --role ROLE... --config FILE`.

Only the modules, and so only the secrets, of the roles that are named are loaded.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from trunkline.errors import ConfigurationError, TrunklineError

_CONFIG_CLASSES = {
    "labels": "LabelsConfig",
    "membership": "MembershipConfig",
    "authorization": "AuthorizationConfig",
    "accountability": "AccountabilityConfig",
}
ROLES = tuple(_CONFIG_CLASSES)


def run(roles: Sequence[str], config: Path) -> None:
    """Serve authorities until SIGTERM, each on the port that its section of the configuration names.

    Args:
        roles: The roles, each once.
        config: The TOML file; top-level values are common to all roles, the table `[ROLE]` is the role's own.

    Raises:
        TrunklineError: A role cannot start; nothing is served then.
    """
    from trunkline.service.config import load_config
    from trunkline.service.logs import configure_logging
    from trunkline.service.server import Listener, serve_many

    if not roles or len(set(roles)) != len(roles) or not set(roles) <= set(ROLES):
        raise ConfigurationError(f"name one or more roles, each once, of: {', '.join(ROLES)}")
    configure_logging("+".join(roles))
    listeners = []
    for role in roles:
        package = f"trunkline.jager.authority.{role}"
        model = getattr(importlib.import_module(f"{package}.config"), _CONFIG_CLASSES[role])
        settings = load_config(config, model, section=role)
        app = importlib.import_module(f"{package}.app").create(settings, time.time)
        listeners.append(Listener(app, settings.host, settings.port, settings.tls, role, settings.monitoring))
    serve_many(listeners)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m trunkline.jager.authority", description=__doc__)
    parser.add_argument("--role", action="append", required=True, choices=ROLES)
    parser.add_argument("--config", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        run(options.role, options.config)
    except TrunklineError as error:
        sys.exit(f"{error.code}: {error}")


if __name__ == "__main__":
    main()
