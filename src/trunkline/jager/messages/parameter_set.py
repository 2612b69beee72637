"""The public parameters in force together with those before them (docs/protocol.md, section 7).

Whatever names public parameters by their hash is read and judged under those it names, so parties keep
earlier ones for as long as there is something under them: joinings, records, traces, verdicts. Earlier ones
need not be valid any more for that; they are never used to make something new.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from trunkline.errors import ConfigurationError, EvidenceError
from trunkline.jager.messages.parameters import PublicParameters, SignedParameters

EARLIER_LIMIT = 64


class ParameterSet:
    """The current parameters of a deployment and earlier ones, newest first; all have been verified.

    Args:
        current: The parameters in force.
        earlier: Parameters before them, in any order.

    Raises:
        ConfigurationError: They are of different deployments, one is newer than the current ones or is
            there twice, or they are too many.
    """

    def __init__(self, current: PublicParameters, earlier: Iterable[PublicParameters] = ()) -> None:
        before = sorted(earlier, key=lambda one: one.not_before, reverse=True)
        if len(before) > EARLIER_LIMIT:
            raise ConfigurationError(f"at most {EARLIER_LIMIT} earlier public parameters can be named")
        if any(one.deployment != current.deployment for one in before):
            raise ConfigurationError("the public parameters belong to different deployments")
        if any(one.not_before > current.not_before for one in before):
            raise ConfigurationError(
                "public parameters that are named as earlier ones are newer than the current ones"
            )
        self.current = current
        self._all = (current, *before)
        self._by_hash = {one.hash: one for one in self._all}
        self._by_ref = {one.ref: one for one in self._all}
        if len(self._by_ref) != len(self._all):
            raise ConfigurationError("the same public parameters are named twice")

    @classmethod
    def load(
        cls, current: Path, earlier: Sequence[Path], root_fingerprint: str, *, now: float | None
    ) -> Self:
        """Load and verify signed parameters, all under the same root.

        Args:
            current: The file of the parameters in force.
            earlier: The files of those before them.
            root_fingerprint: The pinned fingerprint of the root.
            now: Unix time at which the current ones must be valid; None for a judge.

        Raises:
            ConfigurationError: A file cannot be read, or they do not belong together.
            TrunklineError: Parameters are not what the root signed, as `SignedParameters.verify` says.
        """
        return cls(
            SignedParameters.load(current, root_fingerprint, now=now),
            [SignedParameters.load(path, root_fingerprint, now=None) for path in earlier],
        )

    def __iter__(self) -> Iterator[PublicParameters]:
        """All parameters, the newest first."""
        return iter(self._all)

    def by_hash(self, params_hash: bytes) -> PublicParameters | None:
        """The parameters with a hash, or None."""
        return self._by_hash.get(params_hash)

    def by_ref(self, ref: bytes) -> PublicParameters | None:
        """The parameters that a record's 8-byte reference means, or None."""
        return self._by_ref.get(ref)

    def up_to(self, params_hash: bytes, what: str) -> Self:
        """The set as it was when the parameters with a hash were current.

        So what was made then is judged alike by everybody, whatever parameters came later.

        Args:
            params_hash: The hash.
            what: What names it, for the message.

        Raises:
            EvidenceError: There are no parameters with this hash.
        """
        for place, one in enumerate(self._all):
            if one.hash == params_hash:
                return type(self)(one, self._all[place + 1 :])
        raise EvidenceError(
            f"{what} was made under other public parameters than the known ones: name them as earlier ones"
        )
