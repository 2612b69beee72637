"""What this carrier knows of the public join log: who holds a credential for which period."""

import threading
from collections.abc import Iterable, Mapping
from copy import deepcopy

from trunkline.errors import EvidenceError
from trunkline.jager.messages.log import ENTRIES_LIMIT, JOIN_LOG, LogEntries, LogHead
from trunkline.jager.messages.membership import IssuanceEntry, decode_log_entry
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.client import ServiceClient
from trunkline.service.merkle import MerkleTree
from trunkline.telephony.providers import ProviderId


class JoinLog:
    """A verified copy of the join log, read on as it grows. Safe to use from several threads.

    Args:
        parameters: The public parameters.
        client: The membership authority; the log is public, so requests are not signed.
    """

    def __init__(self, parameters: PublicParameters, client: ServiceClient) -> None:
        self._parameters = parameters
        self._client = client
        self._lock = threading.Lock()
        self._tree = MerkleTree()
        self._members: dict[int, frozenset[ProviderId]] = {}

    def members(self, claimed: Iterable[tuple[int, ProviderId]]) -> Mapping[int, frozenset[ProviderId]]:
        """The members of each period; the log is read on if a claimed one is not among them yet.

        Args:
            claimed: Periods and carriers that records speak for.

        Raises:
            TrunklineError: The log is not available, or not what its signed head says.
        """
        with self._lock:
            if any(carrier not in self._members.get(period, ()) for period, carrier in claimed):
                self._read_on()
            return dict(self._members)

    def _read_on(self) -> None:
        """Fetch new entries and check them.

        1. The head is signed by the membership authority.
        2. The log has not become shorter.
        3. All entries together, old and new, have the head's root.
        """
        head = LogHead.decode(self._client.get("/v1/log/head").content)
        head.verify(self._parameters.membership_key, JOIN_LOG, self._parameters.hash)
        if head.size < self._tree.size:
            raise EvidenceError("the join log has become shorter; keep the heads, they prove it")
        entries = self._fetch(self._tree.size, head.size)
        read = [decode_log_entry(entry) for entry in entries]
        # On a copy: a log that was rewritten must go on failing, and not be read anew as if it were another.
        tree = deepcopy(self._tree)
        for entry in entries:
            tree.append(entry)
        if tree.root() != head.root:
            raise EvidenceError("the join log's entries are not those that its signed head names")
        self._tree = tree
        for issued in read:
            if isinstance(issued, IssuanceEntry):
                known = self._members.get(issued.period, frozenset())
                self._members[issued.period] = known | {issued.carrier_id}

    def _fetch(self, start: int, end: int) -> list[bytes]:
        entries: list[bytes] = []
        while start + len(entries) < end:
            first = start + len(entries)
            last = min(end, first + ENTRIES_LIMIT)
            answer = LogEntries.decode(
                self._client.get("/v1/log/entries", {"start": first, "end": last}).content
            )
            if answer.start != first or not 0 < len(answer.entries) <= last - first:
                raise EvidenceError("the join log's answer has other entries than were asked for")
            entries += answer.entries
        return entries
