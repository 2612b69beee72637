"""The accounting tables of SIP proxies: Kamailio's acc, missed_calls and acc_cdrs, OpenSIPS's acc.

Rows come from SQLite or from CSV files with a header. Which table a row is of is told by its columns, and
so is the form of a time: a Julian day, a date and time, or seconds since 1970.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from trunkline.errors import CdrError
from trunkline.telephony.clock import AMBIGUOUS, Reading
from trunkline.telephony.readers.base import LINE_LIMIT, Position, Skip, by_name, split_columns
from trunkline.telephony.rows import Row, RowKind
from trunkline.telephony.source import CdrSource

_EVENT_COLUMNS = frozenset({"method", "callid", "sip_code", "time"})
_TIMES_COLUMNS = frozenset({"start_time", "end_time"})
_NULLS = frozenset({"NULL", "\\N"})
_CHALLENGES = frozenset({"401", "407"})

_JULIAN = re.compile(r"24\d{5}\.\d{1,12}", re.ASCII)
_JULIAN_1970 = 2_440_587.5
_NAIVE_1970 = datetime(1970, 1, 1)  # noqa: DTZ001 - the zone is the source's
_SECONDS_A_DAY = 86_400
_MICROSECONDS = re.compile(r"\d{1,6}", re.ASCII)
_ROW_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
_DURATION = re.compile(r"\d{1,9}(\.\d{1,9})?", re.ASCII)


def is_times_header(columns: list[str]) -> bool:
    """Tell whether these are the columns of a table that has the starts of calls (acc_cdrs)."""
    return _TIMES_COLUMNS.issubset(columns)


class AccountingReader:
    """Reads accounting rows of one proxy.

    Args:
        source: The source.
    """

    line_limit = LINE_LIMIT
    last_line_may_be_open = False

    def __init__(self, source: CdrSource) -> None:
        self._clock = source.clock
        self._columns = source.dialog
        # The SQLite driver of the proxies writes UTC whatever the machine's zone is.
        self._julian_utc = source.format.endswith("sqlite")

    def read(self, text: str, position: Position) -> Row | Skip:
        """Read one line of a CSV file whose first line names the columns; see `Reader.read`."""
        if not text.strip():
            return Skip("empty line")
        columns = split_columns(text)
        if position.line == 1:
            if not (_EVENT_COLUMNS.issubset(columns) or _TIMES_COLUMNS.issubset(columns)):
                raise CdrError("the first line does not name the columns of acc, missed_calls or acc_cdrs")
            position.header = columns
            return Skip("header")
        if not position.header:
            raise CdrError("the file's first line named no columns, so none of its rows can be read")
        fields = by_name(position.header, columns)
        return self.read_fields(
            {name: "" if value in _NULLS else value for name, value in fields.items()}, position
        )

    def read_fields(self, fields: Mapping[str, str], position: Position) -> Row | Skip:
        """Read one row of a table, NULL as the empty string.

        Raises:
            CdrError: The row cannot be read.
        """
        if _TIMES_COLUMNS.issubset(fields):
            return self._times(fields, position)
        if not _EVENT_COLUMNS.issubset(fields):
            raise CdrError("the table has not the columns of acc, missed_calls or acc_cdrs")
        method, code = fields["method"], fields["sip_code"]
        if method not in ("INVITE", "BYE"):
            return Skip("neither INVITE nor BYE")
        if code in _CHALLENGES:
            return Skip("authentication challenge")
        event_us = self._event_time(fields, position)
        if method == "BYE":
            return self._row(RowKind.END, fields, position, end_us=event_us)
        if not re.fullmatch(r"[2-6]\d\d", code, re.ASCII):
            raise CdrError("sip_code is not the code of a final answer")
        missing = {self._columns.called, self._columns.incoming, self._columns.outgoing} - fields.keys()
        if missing:
            raise CdrError("the table lacks the columns for numbers or peers: state [source.dialog]")
        called = fields[self._columns.called]
        dialled = fields.get(self._columns.dialled, "")
        incoming = fields[self._columns.incoming]
        created = fields.get("created", "")
        return self._row(
            RowKind.ATTEMPT,
            fields,
            position,
            visit=f"{fields.get('from_tag', '')}\x1f{incoming}",
            caller=fields.get(self._columns.caller, ""),
            called=called or dialled,
            other_called=dialled,
            incoming=incoming,
            outgoing=fields[self._columns.outgoing],
            start_us=self._read(created, position) if created.strip("0") else None,
            end_us=event_us,
            answered=code.startswith("2"),
        )

    def _times(self, fields: Mapping[str, str], position: Position) -> Row:
        duration = fields.get("duration", "")
        start_us = self._read(fields["start_time"], position)
        end_us = self._read(fields["end_time"], position)
        lasted = float(duration) > 0 if _DURATION.fullmatch(duration) else end_us > start_us
        return self._row(RowKind.TIMES, fields, position, start_us=start_us, end_us=end_us, answered=lasted)

    def _row(
        self,
        kind: RowKind,
        fields: Mapping[str, str],
        position: Position,
        *,
        end_us: int,
        start_us: int | None = None,
        visit: str = "",
        caller: str = "",
        called: str = "",
        other_called: str = "",
        incoming: str = "",
        outgoing: str = "",
        answered: bool = False,
    ) -> Row:
        number = fields.get("id", "")
        return Row(
            kind=kind,
            file=position.file,
            line=position.line,
            order=int(number) if _ROW_NUMBER.fullmatch(number) else position.line,
            join=fields.get("callid", ""),
            visit=visit,
            caller=caller,
            called=called,
            other_called=other_called,
            incoming=incoming,
            outgoing=outgoing,
            start_us=start_us,
            end_us=end_us,
            answered=answered,
        )

    def _event_time(self, fields: Mapping[str, str], position: Position) -> int:
        seconds = fields.get("time_hires") or fields.get("time_attr") or ""
        microseconds = fields.get("time_exten") or "0"
        if seconds.isdecimal() and _MICROSECONDS.fullmatch(microseconds):
            # Written without leading zeros: 29723 is 0.029723 s.
            return self._clock.read(f"{seconds}.{microseconds.zfill(6)}").first_us
        return self._read(fields["time"], position)

    def _read(self, text: str, position: Position) -> int:
        reading = self._reading(text)
        if reading.ambiguous:
            position.note = AMBIGUOUS
        return reading.first_us

    def _reading(self, text: str) -> Reading:
        if not _JULIAN.fullmatch(text):
            return self._clock.read(text)
        # Julian days are written half a second before the second that is meant.
        seconds = round((float(text) - _JULIAN_1970) * _SECONDS_A_DAY + 0.5)
        if self._julian_utc:
            return self._clock.reading(seconds * 1_000_000)
        return self._clock.localise(_NAIVE_1970 + timedelta(seconds=seconds))
