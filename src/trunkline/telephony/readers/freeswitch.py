"""FreeSWITCH: cdr_csv with its stock templates or other columns, and json_cdr.

A leg is a row. The incoming leg has the peer the call came from, the outgoing leg the one it went to; they
are joined by the identifier of the incoming leg.
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from trunkline.errors import CdrError, ConfigurationError
from trunkline.telephony.clock import AMBIGUOUS, SourceClock
from trunkline.telephony.readers.base import LINE_LIMIT, Position, Skip, by_name, split_columns
from trunkline.telephony.rows import Row, RowKind
from trunkline.telephony.source import CdrSource

_EXAMPLE = (
    "caller_id_name",
    "caller_id_number",
    "destination_number",
    "context",
    "start_stamp",
    "answer_stamp",
    "end_stamp",
    "duration",
    "billsec",
    "hangup_cause",
    "uuid",
    "bleg_uuid",
    "accountcode",
    "read_codec",
    "write_codec",
)
_TEMPLATES = {
    "example": _EXAMPLE,
    "sql": _EXAMPLE[:13],
    "asterisk": (
        "accountcode",
        "caller_id_number",
        "destination_number",
        "context",
        "caller_id",
        "channel_name",
        "bridge_channel",
        "last_app",
        "last_arg",
        "start_stamp",
        "answer_stamp",
        "end_stamp",
        "duration",
        "billsec",
        "hangup_cause",
        "amaflags",
        "uuid",
        "userfield",
    ),
    "opencdrrate": (
        "uuid",
        "signal_bond",
        "direction",
        "ani",
        "destination_number",
        "answer_stamp",
        "end_stamp",
        "billsec",
        "accountcode",
        "userfield",
        "network_addr",
        "original_caller_id_name",
        "sip_gateway_name",
    ),
}
_SQL_START = "INSERT INTO cdr VALUES ("
_SQL_END = ");"
# A whole call's variables stand in one line.
_JSON_LIMIT = 1 << 20
_MICROSECONDS = re.compile(r"\d{1,17}", re.ASCII)
_OTHER_LEG = ("signal_bond", "originating_leg_uuid", "originator", "bleg_uuid")


class FreeswitchCsvReader:
    """Reads cdr_csv rows.

    Args:
        source: The source.

    Raises:
        ConfigurationError: The template is not stated, or has no column for the peers or the numbers.
    """

    line_limit = LINE_LIMIT
    last_line_may_be_open = False

    def __init__(self, source: CdrSource) -> None:
        options = source.freeswitch
        self._clock = source.clock
        self._incoming, self._outgoing = options.incoming, options.outgoing
        template = options.template
        self._columns = _TEMPLATES[template] if isinstance(template, str) else template
        if not self._columns:
            raise ConfigurationError(
                "freeswitch-csv needs freeswitch.template: a stock name or the columns in order"
            )
        needed = {"destination_number", "uuid", "end_stamp", self._incoming, self._outgoing}
        missing = needed - set(self._columns)
        if missing:
            raise ConfigurationError(
                f"the template has no column {', '.join(sorted(missing))}: state freeswitch.incoming and "
                "freeswitch.outgoing, and log the peers (the stock template opencdrrate does)",
            )

    def read(self, text: str, position: Position) -> Row | Skip:
        """Read one line; see `Reader.read`."""
        text = text.strip()
        if not text:
            return Skip("empty line")
        if text.startswith(_SQL_START) and text.endswith(_SQL_END):
            text = text.removeprefix(_SQL_START).removesuffix(_SQL_END)
        fields = by_name(self._columns, split_columns(text))
        return _leg(fields, self._incoming, self._outgoing, self._clock, position)


class FreeswitchJsonReader:
    """Reads json_cdr objects, one a line or one a file, with values URL-encoded or not.

    Args:
        source: The source.
    """

    line_limit = _JSON_LIMIT
    last_line_may_be_open = True

    def __init__(self, source: CdrSource) -> None:
        self._clock = source.clock
        self._incoming, self._outgoing = source.freeswitch.incoming, source.freeswitch.outgoing

    def read(self, text: str, position: Position) -> Row | Skip:
        """Read one line; see `Reader.read`."""
        if not text.strip():
            return Skip("empty line")
        fields = _flatten(text)
        for stamp in ("start", "answer", "end"):
            microseconds = fields.get(f"{stamp}_uepoch", "")
            if _MICROSECONDS.fullmatch(microseconds) and int(microseconds) > 0:
                seconds, fraction = divmod(int(microseconds), 1_000_000)
                fields[f"{stamp}_stamp"] = f"{seconds}.{fraction:06}"
            elif microseconds:
                fields[f"{stamp}_stamp"] = ""
        if "uuid" not in fields or "destination_number" not in fields:
            raise CdrError("the JSON object has no uuid or destination_number: not a json_cdr record")
        return _leg(fields, self._incoming, self._outgoing, self._clock, position)


def _flatten(text: str) -> dict[str, str]:
    """Return the variables of a json_cdr object, and those of its first caller profile where they lack."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CdrError("the line is not JSON") from error
    if not isinstance(document, dict) or not isinstance(document.get("variables"), dict):
        raise CdrError("the JSON object has no variables: not a json_cdr record")
    fields: dict[str, str] = {}
    callflow = document.get("callflow")
    for flow in callflow if isinstance(callflow, list) else []:
        # The newest part of the call stands first; what the call was when it arrived is what counts.
        profile = flow.get("caller_profile") if isinstance(flow, dict) else None
        fields.update(_texts(profile))
    return fields | _texts(document["variables"])


def _texts(values: Any) -> dict[str, str]:
    if not isinstance(values, dict):
        return {}
    return {name: unquote(value) for name, value in values.items() if isinstance(value, str)}


def _leg(
    fields: Mapping[str, str],
    incoming_name: str,
    outgoing_name: str,
    clock: SourceClock,
    position: Position,
) -> Row:
    outgoing_leg = fields.get("direction") == "outbound"
    bond = next((fields[name] for name in _OTHER_LEG if fields.get(name)), "")
    stamps = {}
    for name in ("start_stamp", "answer_stamp", "end_stamp"):
        if fields.get(name):
            reading = clock.read(fields[name])
            stamps[name] = reading.first_us
            if reading.ambiguous:
                position.note = AMBIGUOUS
    if not stamps:
        raise CdrError("the row has no time at all")
    answer_us = stamps.get("answer_stamp")
    return Row(
        kind=RowKind.ATTEMPT,
        file=position.file,
        line=position.line,
        order=position.line,
        join=(bond if outgoing_leg and bond else fields["uuid"]),
        caller=fields.get("caller_id_number") or fields.get("ani") or "",
        called=fields["destination_number"],
        incoming="" if outgoing_leg and bond else peer(fields.get(incoming_name, "")),
        outgoing="" if fields.get("direction") == "inbound" and bond else peer(fields.get(outgoing_name, "")),
        start_us=stamps.get("start_stamp"),
        end_us=answer_us if answer_us is not None else stamps.get("end_stamp", stamps.get("start_stamp")),
        answered=answer_us is not None,
    )


def peer(value: str) -> str:
    """Return a peer's name: of a channel such as `sofia/external/15550100@192.0.2.1` its address."""
    return value.rpartition("@")[2] if value.startswith("sofia/") and "@" in value else value
