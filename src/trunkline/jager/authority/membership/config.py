"""Configuration of the membership authority."""

from pathlib import Path

from trunkline.jager.authority.standing import AuthorityConfig


class MembershipConfig(AuthorityConfig):
    """The section `[membership]`.

    Attributes:
        issuer_key: File of the issuer key.
        log_key: File of the Ed25519 key that signs the join log's heads.
    """

    issuer_key: Path
    log_key: Path
