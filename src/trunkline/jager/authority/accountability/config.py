"""Configuration of the accountability authority."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from trunkline.jager.authority.standing import AuthorityConfig
from trunkline.service.config import Addresses


class AccountabilityConfig(AuthorityConfig):
    """The section `[accountability]`.

    Attributes:
        earlier_parameters: The parameters before the current ones: what was filed, traced and joined under
            them is still judged.
        opener_key: File of the opener's secret ξ.
        earlier_opener_keys: Files of the secrets before it, for records under parameters with another Y.
        verdict_key: File of the Ed25519 key that signs verdicts.
        id: This authority's identifier in the registry, in hex: it asks for labels like a carrier does.
        identity_key: File of the Ed25519 key that signs those requests.
        labels_url: The label authority.
        membership_url: The membership authority, for its public log.
        ca_file: Certificates to trust instead of the system's.
        reports_per_month: Reports that a tracer may hand in within 30 days.
        disavowals_per_month: Disavowals that a carrier may sign within 30 days.
    """

    earlier_parameters: tuple[Path, ...] = ()
    opener_key: Path
    earlier_opener_keys: tuple[Path, ...] = ()
    verdict_key: Path
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    identity_key: Path
    labels_url: Addresses
    membership_url: Addresses
    ca_file: Path | None = None
    reports_per_month: Annotated[int, Field(ge=1)] = 10_000
    disavowals_per_month: Annotated[int, Field(ge=1)] = 100
