"""What one row of a CDR source says, before rows are put together into calls.

Rows keep the numbers and trunks as the switch wrote them, because a pending row is stored across restarts
and the tables may have been corrected in between.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Self

from trunkline.errors import StorageError
from trunkline.telephony.stored import restore

CHANNEL_ONLY = "channel\x1f"
"""Prefix of a `Row.join` that is no more than a channel's name, which a restarted switch uses again."""


class RowKind(StrEnum):
    """What a row tells about a call."""

    ATTEMPT = "attempt"
    """A call, or one attempt to hand it to a next hop."""
    END = "end"
    """The call was hung up."""
    TIMES = "times"
    """Start and end of a call, and nothing or little else (Kamailio's acc_cdrs)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        kind: What it tells.
        file: File, with the table's name after a colon.
        line: Line or row number.
        order: Place among the rows of its table, where that is not the line.
        join: Rows of one call at this switch have the same; empty where the source cannot tell.
        visit: Within one `join`, rows of one visit of the call at this switch have the same.
        caller: The caller field.
        called: The called field as it arrived.
        other_called: The called number's other form, where the source has one: as it was sent on
            (Asterisk), or as it was dialled (proxies).
        incoming: The trunk, address or customer the call came from.
        outgoing: The trunk or address it was handed to; empty if the row names none.
        start_us: The INVITE's arrival, or the beginning of this attempt.
        end_us: The end; for dialog-based accounting the answer or failure.
        answered: The call was answered by way of this attempt.
    """

    kind: RowKind
    file: str
    line: int
    order: int
    join: str
    visit: str = ""
    caller: str = ""
    called: str = ""
    other_called: str = ""
    incoming: str = ""
    outgoing: str = ""
    start_us: int | None = None
    end_us: int | None = None
    answered: bool = False

    def to_json(self) -> list[Any]:
        """Return the row as a list that JSON can hold."""
        return [
            self.kind,
            self.file,
            self.line,
            self.order,
            self.join,
            self.visit,
            self.caller,
            self.called,
            self.other_called,
            self.incoming,
            self.outgoing,
            self.start_us,
            self.end_us,
            self.answered,
        ]

    @classmethod
    def from_json(cls, values: Any) -> Self:
        """Read what `to_json` wrote.

        Raises:
            StorageError: It is anything else.
        """
        try:
            named = dict(zip(_FIELDS, values, strict=True))
            named["kind"] = RowKind(named["kind"])
        except (TypeError, ValueError) as error:
            raise StorageError("the stored state of a CDR source holds a row that cannot be read") from error
        return restore(cls, named)


_FIELDS = tuple(field.name for field in fields(Row))
