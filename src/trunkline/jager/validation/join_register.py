"""The public join log as its readers see it: who is a member in which period, and whose S is whose.

No input or output of its own: what fetches from the log is handed in. What a register holds has been
checked against a signed head.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from trunkline.crypto.group_signature import verify_join
from trunkline.errors import CryptoError, EvidenceError, SignatureError, TrunklineError
from trunkline.jager.messages.log import ENTRIES_LIMIT, JOIN_LOG, LogEntries, LogHead
from trunkline.jager.messages.membership import IssuanceEntry, JoinEntry, decode_log_entry
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.registry import Registry
from trunkline.service.merkle import MerkleTree
from trunkline.telephony.providers import ProviderId

Fetch = Callable[[str, Mapping[str, str | int] | None], bytes]
"""Gets a resource of the membership authority: path and query in, the answer's body out."""

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Member:
    """An entry about a carrier: the entry's bytes and its index in the log."""

    carrier: ProviderId
    entry: bytes
    index: int


class JoinRegister:
    """A checked copy of the join log.

    Args:
        known: The public parameters: heads are signed under the current ones, joinings under any of them.
    """

    def __init__(self, known: ParameterSet) -> None:
        self._known = known
        self._tree = MerkleTree()
        self._entries: list[bytes] = []
        self._by_point: dict[bytes, list[Member]] = defaultdict(list)
        self._issued: dict[tuple[int, ProviderId], Member] = {}
        self.head: LogHead | None = None

    @property
    def size(self) -> int:
        """How many entries have been read."""
        return self._tree.size

    def read_on(self, fetch: Fetch) -> None:
        """Fetch the log's newest head and the entries up to it, and take them as `absorb` does.

        Raises:
            UnavailableError: The membership authority does not answer.
            TrunklineError: The answer has other entries than were asked for, or as `absorb` raises.
        """
        head = LogHead.decode(fetch("/v1/log/head", None))
        entries: list[bytes] = []
        while self.size + len(entries) < head.size:
            start = self.size + len(entries)
            end = min(head.size, start + ENTRIES_LIMIT)
            answer = LogEntries.decode(fetch("/v1/log/entries", {"start": start, "end": end}))
            if answer.start != start or not 0 < len(answer.entries) <= end - start:
                raise EvidenceError("the join log's answer has other entries than were asked for")
            entries.extend(answer.entries)
        self.absorb(head, entries)

    def absorb(self, head: LogHead, entries: Sequence[bytes]) -> None:
        """Take the entries from `size` up to a head.

        1. The head is signed by the membership authority.
        2. The log has not become shorter, and all entries up to the head are there.
        3. All entries together, old and new, have the head's root.
        4. A joining counts if it is signed by its carrier and proves knowledge of the secret behind its S.
           Any other makes nobody a member: it must not keep the honest ones from being used.

        Raises:
            SignatureError: The head is not signed by the membership authority.
            DecodingError: An entry cannot be read.
            EvidenceError: The log is not what its head says; nothing was taken, and the head proves it.
        """
        # 1.
        current = self._known.current
        head.verify(current.membership_key, JOIN_LOG, current.hash)
        # 2.
        if head.size != self.size + len(entries):
            raise EvidenceError("the join log has become shorter, or entries of it are missing")
        # 3. A tree cannot forget, so a new one is tried first.
        tree = MerkleTree((*self._entries, *entries))
        if tree.root() != head.root:
            raise EvidenceError("the join log's entries are not those that its signed head names")
        # 4.
        decoded = [decode_log_entry(entry) for entry in entries]
        start = self.size
        self._tree, self.head = tree, head
        self._entries.extend(entries)
        for offset, (raw, entry) in enumerate(zip(entries, decoded, strict=True)):
            if isinstance(entry, IssuanceEntry):
                found = Member(entry.carrier_id, raw, start + offset)
                self._issued.setdefault((entry.period, entry.carrier_id), found)
            elif self._counts(entry, start + offset):
                request = entry.request
                found = Member(request.carrier_id, raw, start + offset)
                self._by_point[request.s_point].append(found)

    def _counts(self, entry: JoinEntry, index: int) -> bool:
        try:
            check_join_entry(entry, self._known)
        except CryptoError as error:
            # Either the membership authority logged what it must not, or parameters are missing here.
            _logger.warning("joining not counted", index=index, code=error.code, reason=str(error))
            return False
        return True

    def owner_of(self, s_point: bytes, registry: Registry) -> Member | None:
        """Whose S this is; None if it stands in no joining that counts.

        A carrier whose identity key changed joins again with the same S: of its joinings the one that is
        signed by the key of the registry is returned, the first if there is none.
        """
        joinings = self._by_point.get(s_point, [])
        confirmed = (each for each in joinings if joined_by(read_join_entry(each.entry), registry))
        return next(confirmed, joinings[0] if joinings else None)

    def credential_of(self, period: int, carrier: ProviderId) -> Member | None:
        """The entry of a credential that was issued to a carrier for a period; None if there is none."""
        return self._issued.get((period, carrier))

    def members(self) -> dict[int, frozenset[ProviderId]]:
        """For each period who was issued a credential."""
        found: dict[int, set[ProviderId]] = defaultdict(set)
        for period, carrier in self._issued:
            found[period].add(carrier)
        return {period: frozenset(carriers) for period, carriers in found.items()}

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The audit path of an entry in the log of the last head's size."""
        return tuple(self._tree.inclusion_proof(index))


def joined_by(entry: JoinEntry, registry: Registry) -> bool:
    """Tell whether a joining is signed by the identity key that the registry has for its carrier."""
    listed = registry.by_id(entry.request.carrier_id)
    return listed is not None and listed.key == entry.request.identity_key


def check_join_entry(entry: JoinEntry, known: ParameterSet) -> None:
    """Check that a joining is signed by the key it names and proves knowledge of the secret behind its S.

    A carrier joins once and stays a member under later parameters, so the joining may be under any of the
    known ones. It does not say which; its signature covers their hash.

    Raises:
        CryptoError: It does not.
    """
    request = entry.request
    params_hash = _signed_under(entry, known)
    verify_join(
        params_hash,
        request.nonce,
        request.carrier_id.value,
        request.identity_key,
        request.s_point,
        request.proof,
    )


def _signed_under(entry: JoinEntry, known: ParameterSet) -> bytes:
    for parameters in known:
        try:
            entry.request.verify(parameters.hash)
        except SignatureError:
            continue
        return parameters.hash
    raise SignatureError(
        "a joining is not signed by its carrier under any of the known public parameters: "
        "if there were earlier ones, name them"
    )


def read_join_entry(data: bytes) -> JoinEntry:
    """Read an entry that must be a joining.

    Raises:
        EvidenceError: It is something else.
    """
    try:
        entry = decode_log_entry(data)
    except TrunklineError as error:
        raise EvidenceError(f"a member's join log entry cannot be read: {error}") from error
    if not isinstance(entry, JoinEntry):
        raise EvidenceError("a member's join log entry is no joining")
    return entry


def read_issuance_entry(data: bytes) -> IssuanceEntry:
    """Read an entry that must be the issuance of a credential.

    Raises:
        EvidenceError: It is something else.
    """
    try:
        entry = decode_log_entry(data)
    except TrunklineError as error:
        raise EvidenceError(f"a credential's join log entry cannot be read: {error}") from error
    if not isinstance(entry, IssuanceEntry):
        raise EvidenceError("a credential's join log entry is no issuance")
    return entry
