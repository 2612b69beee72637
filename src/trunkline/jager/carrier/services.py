"""The clients of all services that a carrier talks to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trunkline.jager.carrier.config import CarrierSection
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.service.client import ServiceClient
from trunkline.service.keys import IdentityKey
from trunkline.service.signatures import RequestAuth

SLOW_TIMEOUT_S = 60.0
"""For contributions, since a proxy such as Tor is slow, and for verdicts, which take a while to find."""
_TIMEOUT_S = 10.0
_LARGEST_VERDICT = 64 * 1024 * 1024
"""About 20 MB if a call's index was flooded with 10,000 records."""


@dataclass(frozen=True, slots=True)
class Services:
    """One client a service.

    Attributes:
        labels: Signed requests.
        membership: Signed requests.
        join_log: The membership authority's public log, not signed.
        authorization: Signed requests.
        accountability: Signed requests.
        retrieval: The record store, signed requests.
        contribution: The record store without an identity: a fresh connection a request, through the proxy.
    """

    labels: ServiceClient
    membership: ServiceClient
    join_log: ServiceClient
    authorization: ServiceClient
    accountability: ServiceClient
    retrieval: ServiceClient
    contribution: ServiceClient

    def close(self) -> None:
        """Close all connections."""
        for name in self.__slots__:
            getattr(self, name).close()


def open_services(
    section: CarrierSection, parameters: PublicParameters, identity: IdentityKey, clock: Callable[[], float]
) -> Services:
    """Prepare all clients; nothing is sent yet.

    Raises:
        ConfigurationError: A certificate file or the proxy cannot be used.
    """

    def auth(service: str) -> RequestAuth:
        return RequestAuth(identity, section.id, parameters.audience(service), clock)

    def signed(url: Sequence[str], service: str) -> ServiceClient:
        return ServiceClient(url, auth=auth(service), ca_file=section.ca_file, timeout_s=_TIMEOUT_S)

    return Services(
        labels=signed(section.labels_url, "labels"),
        membership=signed(section.membership_url, "membership"),
        join_log=ServiceClient(section.membership_url, ca_file=section.ca_file),
        authorization=signed(section.authorization_url, "authorization"),
        accountability=ServiceClient(
            section.accountability_url,
            auth=auth("accountability"),
            ca_file=section.ca_file,
            timeout_s=SLOW_TIMEOUT_S,
            max_answer=_LARGEST_VERDICT,
        ),
        retrieval=signed(section.record_store_url, f"record-store/{section.record_store_id}"),
        contribution=ServiceClient(
            section.record_store_url,
            ca_file=section.ca_file,
            proxy=section.proxy,
            fresh_connections=True,
            timeout_s=SLOW_TIMEOUT_S,
        ),
    )
