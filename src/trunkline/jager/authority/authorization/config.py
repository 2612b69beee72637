"""Configuration of the authorization authority."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from trunkline.jager.authority.standing import AuthorityConfig


class AuthorizationConfig(AuthorityConfig):
    """The section `[authorization]`.

    Attributes:
        label_signature_keys: Files of the authorization keys sk_T, one for each kid that is served.
        grant_key: File of the Ed25519 key that signs grants and the authorization log's heads.
        quota_labels_per_day: Labels that a requester may have authorized a day; a window has 21 by default.
        grant_lifetime_s: How long a grant may be used.
        approval: Who decides: the policy alone, or a person after it. Under the label profile `dst` always
            a person.
        tolerance_max_ms: The most that a requester without a record of its own may widen a window by, at
            both ends.
    """

    label_signature_keys: Annotated[tuple[Path, ...], Field(min_length=1)]
    grant_key: Path
    quota_labels_per_day: Annotated[int, Field(ge=1)] = 100_000
    grant_lifetime_s: Annotated[int, Field(ge=60, le=86_400)] = 3600
    approval: Literal["automatic", "human"] = "automatic"
    tolerance_max_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 60_000
