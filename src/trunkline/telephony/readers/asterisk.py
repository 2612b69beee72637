"""Asterisk: cdr_csv (Master.csv, 16 to 21 columns) and cdr_custom (columns as the source states them)."""

import re

from trunkline.errors import CdrError, ConfigurationError
from trunkline.telephony.clock import AMBIGUOUS, Reading, SourceClock
from trunkline.telephony.readers.base import LINE_LIMIT, Position, Skip, by_name, split_columns
from trunkline.telephony.rows import CHANNEL_ONLY, Row, RowKind
from trunkline.telephony.source import AsteriskOptions, CdrSource

_BASE = (
    "accountcode",
    "src",
    "dst",
    "dcontext",
    "clid",
    "channel",
    "dstchannel",
    "lastapp",
    "lastdata",
    "start",
    "answer",
    "end",
    "duration",
    "billsec",
    "disposition",
    "amaflags",
)
_NEW = ("peeraccount", "linkedid", "sequence")
_NEEDED = frozenset({"src", "dst", "channel", "dstchannel", "start"})
_DISPOSITIONS = frozenset({"ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION", "UNKNOWN", ""})

# PJSIP/gate-000000ab, IAX2/gate-4711, DAHDI/i1/5550100-1, Local/100@office-00000003;2
_CHANNEL_SUFFIX = re.compile(r"-[0-9a-fA-F]+(?:;[12])?$")
# A channel's unique identifier begins with the second in which the channel was made: [system-]1795297332.4
_UNIQUEID = re.compile(r"(?:.*-)?(\d{9,10})\.\d{1,9}", re.ASCII)
_CREATION_SLACK_US = 2_000_000
# Rows are written when calls end, give or take a batch: a clock that goes back further was set back.
_DISORDER_US = 120_000_000


class AsteriskReader:
    """Reads the rows of one Asterisk, cdr_csv or cdr_custom by the source's format.

    Args:
        source: The source.
    """

    line_limit = LINE_LIMIT
    last_line_may_be_open = False

    def __init__(self, source: CdrSource) -> None:
        self._clock = source.clock
        self._options = source.asterisk
        self._custom = source.asterisk.custom_columns if source.format == "asterisk-custom" else ()
        missing = _NEEDED - set(self._custom)
        if self._custom and missing:
            raise ConfigurationError(
                f"asterisk.custom_columns lacks {', '.join(sorted(missing))}: no call can be read"
            )

    def read(self, text: str, position: Position) -> Row | Skip:
        """Read one line; see `Reader.read`."""
        if not text.strip():
            return Skip("empty line")
        if self._custom:
            columns = split_columns(text, self._options.delimiter)
            fields = by_name(self._custom, columns)
        else:
            columns = split_columns(text)
            fields = by_name(_BASE + trailing_columns(columns, self._options), columns)
        if fields.get("disposition", "") not in _DISPOSITIONS:
            raise CdrError("the disposition is none that Asterisk writes: another format, or other columns")
        if not fields["channel"]:
            raise CdrError("the row names no channel")
        join, created_us = _identity(fields)
        start_us, end_us = _times(fields, self._clock, created_us, position)
        return Row(
            kind=RowKind.ATTEMPT,
            file=position.file,
            line=position.line,
            order=position.line,
            join=join,
            caller=fields["src"],
            called=fields["dst"],
            other_called=_sent_number(fields.get("lastapp", ""), fields.get("lastdata", "")),
            incoming=trunk_of_channel(fields["channel"]),
            outgoing=trunk_of_channel(fields["dstchannel"]),
            start_us=start_us,
            end_us=end_us,
            answered=fields.get("disposition") == "ANSWERED" and bool(fields["dstchannel"]),
        )


def trailing_columns(columns: list[str], options: AsteriskOptions) -> tuple[str, ...]:
    """Return the names of the columns after the sixteenth: as declared if that fits, else told from the row.

    Raises:
        CdrError: There are fewer than 16 or more than 21 columns.
    """
    count = len(columns) - len(_BASE)
    if not 0 <= count <= 2 + len(_NEW):
        raise CdrError(f"{len(columns)} columns where cdr_csv has 16 to 21")
    declared: tuple[str, ...] = ()
    if options.loguniqueid:
        declared += ("uniqueid",)
    if options.loguserfield:
        declared += ("userfield",)
    if options.newcdrcolumns:
        declared += _NEW
    if len(declared) == count:
        return declared
    new = _NEW if count >= len(_NEW) else ()
    single = ("uniqueid",) if _UNIQUEID.fullmatch((*columns[16:], "")[0]) else ("userfield",)
    return {0: (), 1: single, 2: ("uniqueid", "userfield")}[count - len(new)] + new


def trunk_of_channel(channel: str) -> str:
    """Return a channel's technology and trunk, without the part that numbers the channel."""
    return _CHANNEL_SUFFIX.sub("", channel.strip())


def _identity(fields: dict[str, str]) -> tuple[str, int | None]:
    """Return what rows of one call share, and the second in which its channel was made."""
    channel = fields["channel"]
    for name in ("uniqueid", "linkedid"):
        matched = _UNIQUEID.fullmatch(fields.get(name, ""))
        if matched:
            return f"{channel}\x1f{matched[0]}", int(matched[1]) * 1_000_000
    return CHANNEL_ONLY + channel, None


def _times(
    fields: dict[str, str],
    clock: SourceClock,
    created_us: int | None,
    position: Position,
) -> tuple[int, int | None]:
    """Return start and end; in the hour that occurs twice, by what else the row and the file say."""
    start = clock.read(fields["start"])
    end = clock.read(fields["end"]) if fields.get("end") else None
    if not start.ambiguous and (end is None or not end.ambiguous):
        start_us, end_us = start.first_us, end.first_us if end else None
    else:
        start_us, end_us = _resolve(start, end, fields, created_us, position, clock)
    if end_us is not None:
        if end_us < start_us:
            raise CdrError("the call ends before it starts: check time_zone and the columns")
        position.latest_us = max(position.latest_us, end_us)
    return start_us, end_us


def _resolve(
    start: Reading,
    end: Reading | None,
    fields: dict[str, str],
    created_us: int | None,
    position: Position,
    clock: SourceClock,
) -> tuple[int, int | None]:
    if created_us is not None:
        start_us = start.at_or_after(created_us + clock.offset_us - _CREATION_SLACK_US)
        return start_us, end.at_or_after(start_us) if end else None
    if end is None:
        position.note = AMBIGUOUS
        return start.first_us, None
    end_us = end.at_or_after(position.latest_us - _DISORDER_US)
    if end.ambiguous and end_us == end.first_us:
        position.note = AMBIGUOUS
    return start.nearest(end_us - _duration_us(fields.get("duration", ""))), end_us


def _duration_us(text: str) -> int:
    matched = re.fullmatch(r"(\d{1,7})(?:\.\d{1,9})?", text, re.ASCII)
    return int(matched[1]) * 1_000_000 if matched else 0


def _sent_number(application: str, data: str) -> str:
    """Return the number that a Dial sent on: `PJSIP/NUMBER@gate,45` or `SIP/gate/NUMBER,45`."""
    if application != "Dial":
        return ""
    target = data.partition(",")[0].partition("&")[0]
    _, slash, rest = target.partition("/")
    if not slash:
        return ""
    number, at, _ = rest.partition("@")
    return (number if at else rest).rpartition("/")[2]
