"""Configuration of the label authority."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from trunkline.jager.authority.standing import AuthorityConfig


class LabelsConfig(AuthorityConfig):
    """The section `[labels]`.

    Attributes:
        keys: Files of the label keys, one for each kid that is served.
        quota_per_day: Labels that a carrier may ask for a day, padding included. The default schedule, 32
            every 25 ms, asks for 110 million.
        database: URL of a PostgreSQL database that several servers of this authority share: quotas and
            nonces. None for a server that is alone; they are files in its `data_dir` then.
    """

    keys: Annotated[tuple[Path, ...], Field(min_length=1)]
    quota_per_day: Annotated[int, Field(ge=1)] = 250_000_000
    database: str | None = None
