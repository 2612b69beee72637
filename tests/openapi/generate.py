"""Writes `docs/openapi/*.json`, the same bytes each time: python -m tests.openapi.generate."""

import json
import tempfile
from pathlib import Path

from fastapi import FastAPI

from .services import make_deployment, make_services

DIRECTORY = Path(__file__).parents[2] / "docs" / "openapi"


def text(service: FastAPI) -> str:
    """The document of a service as it is written."""
    return json.dumps(service.openapi(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes them."""
    with tempfile.TemporaryDirectory() as directory:
        for name, service in make_services(make_deployment(Path(directory))).items():
            (DIRECTORY / f"{name}.json").write_text(text(service))


if __name__ == "__main__":
    main()
