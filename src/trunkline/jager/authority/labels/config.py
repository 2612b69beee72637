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
    """

    keys: Annotated[tuple[Path, ...], Field(min_length=1)]
    quota_per_day: Annotated[int, Field(ge=1)] = 250_000_000
