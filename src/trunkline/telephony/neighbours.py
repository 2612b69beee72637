"""Who is behind a trunk: a neighbouring carrier, the carrier's own customers or subscribers, or unknown."""

import re
from dataclasses import dataclass
from functools import lru_cache

from trunkline.telephony.providers import ProviderId
from trunkline.telephony.source import CdrSource

_CUSTOMER = "customer:"
_PORT = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:]+):\d{1,5}")
_TELEPHONE_LIKE = re.compile(r"\+?\d{7,}")
_CHANNEL_TECHNOLOGIES = frozenset({"PJSIP", "SIP", "IAX2", "DAHDI", "OOH323", "H323", "SOFIA"})


@dataclass(frozen=True, slots=True)
class Side:
    """What stands at one side of a call.

    Attributes:
        provider: The neighbour; None for own customers and subscribers.
        customer: The own customer, if the table names one.
    """

    provider: ProviderId | None
    customer: str | None = None


class Neighbours:
    """The trunk and access tables of one source."""

    def __init__(self, source: CdrSource) -> None:
        self._sides: dict[str, Side] = {name: Side(provider) for name, provider in source.trunks.items()}
        for name, line in source.access.items():
            customer = line.removeprefix(_CUSTOMER) if line.startswith(_CUSTOMER) else None
            self._sides[name] = Side(None, customer)

    def side(self, trunk: str) -> Side | None:
        """Return who is behind a trunk; None if it is in no table."""
        for name in table_names(trunk):
            side = self._sides.get(name)
            if side is not None:
                return side
        return None


@lru_cache(maxsize=4096)
def table_names(trunk: str) -> tuple[str, ...]:
    """Return the names under which a trunk may stand in a table, the most exact first.

    A channel is listed with or without its technology (`PJSIP/gate` or `gate`), a DAHDI channel by its span,
    an address with or without its port.
    """
    names = [trunk]
    technology, slash, rest = trunk.partition("/")
    if slash and technology.upper() in _CHANNEL_TECHNOLOGIES:
        span = rest.partition("/")[0]
        names += [rest, f"{technology}/{span}", span]
    matched = _PORT.fullmatch(trunk)
    if matched:
        names.append(matched["host"])
    if trunk.lower() != trunk:
        names.append(trunk.lower())
    return tuple(dict.fromkeys(name for name in names if name))


def masked(trunk: str) -> str:
    """Return a trunk's name fit for a report: no telephone numbers, nothing that a terminal would obey."""
    printable = "".join(character if character.isprintable() else "?" for character in trunk[:100])
    return _TELEPHONE_LIKE.sub("#", printable)
