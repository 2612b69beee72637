"""What this carrier knows of the public join log: who holds a credential for which period."""

import threading
from collections.abc import Iterable, Mapping

from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.validation.join_register import JoinRegister
from trunkline.service.client import ServiceClient
from trunkline.telephony.providers import ProviderId


class JoinLog:
    """A verified copy of the join log, read on as it grows. Safe to use from several threads.

    Args:
        known: The public parameters.
        client: The membership authority; the log is public, so requests are not signed.
    """

    def __init__(self, known: ParameterSet, client: ServiceClient) -> None:
        self._register = JoinRegister(known)
        self._client = client
        self._lock = threading.Lock()

    def members(self, claimed: Iterable[tuple[int, ProviderId]]) -> Mapping[int, frozenset[ProviderId]]:
        """The members of each period; the log is read on if a claimed one is not among them yet.

        Args:
            claimed: Periods and carriers that records speak for.

        Raises:
            TrunklineError: The log is not available, or not what its signed head says.
        """
        with self._lock:
            if any(self._register.credential_of(period, carrier) is None for period, carrier in claimed):
                self._register.read_on(lambda path, query: self._client.get(path, query).content)
            return self._register.members()
