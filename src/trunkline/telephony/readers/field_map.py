"""Any other CSV, fixed-width or JSON-lines source, by a map that says where each field stands.

A map is a TOML file. Those that come with the package are in `trunkline/telephony/maps`; a map that was
never run on real files says `verified = false`.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trunkline.errors import CdrError, ConfigurationError
from trunkline.telephony.clock import AMBIGUOUS, Reading
from trunkline.telephony.readers.base import LINE_LIMIT, Position, Skip, split_columns
from trunkline.telephony.rows import Row, RowKind
from trunkline.telephony.source import CdrSource, explain, read_toml

_MAPS = resources.files("trunkline.telephony") / "maps"


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rewrite(_Table):
    """A regular expression and what replaces its matches."""

    pattern: str
    replacement: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError("pattern: not a regular expression") from error
        try:
            re.sub(self.pattern, self.replacement, "")
        except (re.error, IndexError) as error:
            raise ValueError("replacement: names a group that the pattern does not have") from error
        return self


class FieldPlace(_Table):
    """Where a field stands: one of column, name, characters or path; and how its text is rewritten.

    Attributes:
        column: Number of the column, from 1.
        name: Name of the column in the header.
        characters: First and last character, from 1, for fixed widths.
        path: Keys from the outside in, separated by dots, for JSON lines.
        rewrite: Applied in order.
    """

    column: int | None = Field(default=None, ge=1, le=512)
    name: str | None = None
    characters: tuple[int, int] | None = None
    path: str | None = None
    rewrite: tuple[Rewrite, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        places = (self.column, self.name, self.characters, self.path)
        if sum(place is not None for place in places) != 1:
            raise ValueError("state exactly one of column, name, characters, path")
        if self.characters is not None and not 1 <= self.characters[0] <= self.characters[1]:
            raise ValueError("characters: the first and the last, counted from 1")
        return self


class Condition(_Table):
    """A field that must have one of some values."""

    field: FieldPlace
    values: tuple[str, ...] = Field(min_length=1)


class Fields(_Table):
    """The fields a call record is made of."""

    caller: FieldPlace
    called: FieldPlace
    other_called: FieldPlace | None = None
    incoming: FieldPlace
    outgoing: FieldPlace
    start: FieldPlace
    end: FieldPlace | None = None
    call_id: FieldPlace | None = None


class FieldMap(_Table):
    """A map.

    Attributes:
        name: What it is for.
        verified: Whether it was ever run on real files.
        layout: The form of a line.
        delimiter: What stands between columns.
        escape: The character that takes the meaning from the next one, if there is one.
        lenient_quotes: Whether quotes may stand unescaped within quotes.
        header: Whether the first line names the columns.
        time_format: `iso`, `epoch`, `epoch-ms`, or a strptime format.
        zone_hours: Hours from UTC of the zone names that stand for %Z in the times.
        select: Conditions a row must meet to be a call; others are skipped.
        answered: The condition under which a call was answered.
        fields: Where the fields stand.
    """

    name: str
    verified: bool
    layout: Literal["csv", "fixed", "json-lines"]
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    escape: str | None = Field(default=None, min_length=1, max_length=1)
    lenient_quotes: bool = False
    header: bool = False
    time_format: str = "iso"
    zone_hours: dict[str, Annotated[float, Field(gt=-24, lt=24)]] = Field(default_factory=dict)
    select: tuple[Condition, ...] = ()
    answered: Condition | None = None
    fields: Fields


def shipped_maps() -> list[str]:
    """Return the names of the maps that come with the package."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in _MAPS.iterdir() if entry.name.endswith(".toml")
    )


def load_field_map(name: str) -> FieldMap:
    """Load a shipped map by its name, or any map by a path that ends in .toml.

    Raises:
        ConfigurationError: There is no such map, or it is not acceptable.
    """
    if not name.endswith(".toml"):
        if name not in shipped_maps():
            raise ConfigurationError(
                f"no field map of that name is shipped; there are {', '.join(shipped_maps())}"
            )
        with resources.as_file(_MAPS / f"{name}.toml") as path:
            return _load(path)
    return _load(Path(name))


def _load(path: Path) -> FieldMap:
    try:
        return FieldMap.model_validate(read_toml(path))
    except ValidationError as error:
        raise ConfigurationError(f"{path.name}: {explain(error)}") from error


class FieldMapReader:
    """Reads rows by a map.

    Args:
        source: The source, which names the map.
    """

    line_limit = LINE_LIMIT
    last_line_may_be_open = False

    def __init__(self, source: CdrSource) -> None:
        self._map = load_field_map(source.field_map)
        self._clock = source.clock

    def read(self, text: str, position: Position) -> Row | Skip:
        """Read one line; see `Reader.read`."""
        if not text.strip():
            return Skip("empty line")
        if self._map.header and position.line == 1:
            position.header = self._split(text)
            return Skip("header")
        get = self._getter(text, position)
        for condition in self._map.select:
            if get(condition.field) not in condition.values:
                return Skip("not selected by the field map")
        fields, answered = self._map.fields, self._map.answered
        start_us = self._time(get(fields.start), position)
        end = get(fields.end) if fields.end else ""
        return Row(
            kind=RowKind.ATTEMPT,
            file=position.file,
            line=position.line,
            order=position.line,
            join=get(fields.call_id) if fields.call_id else "",
            caller=get(fields.caller),
            called=get(fields.called),
            other_called=get(fields.other_called) if fields.other_called else "",
            incoming=get(fields.incoming),
            outgoing=get(fields.outgoing),
            start_us=start_us,
            end_us=self._time(end, position) if end else None,
            answered=answered is not None and get(answered.field) in answered.values,
        )

    def _getter(self, text: str, position: Position) -> Callable[[FieldPlace], str]:
        document: Mapping[str, Any] = {}
        columns: list[str] = []
        if self._map.layout == "json-lines":
            document = _json_object(text)
        elif self._map.layout == "csv":
            columns = self._split(text)
        elif "\x00" in text:
            raise CdrError("NUL bytes in the line: not a text file, or a damaged one")

        def get(place: FieldPlace) -> str:
            if place.column is not None:
                value = _nth(columns, place.column - 1)
            elif place.name is not None:
                if place.name not in position.header:
                    raise CdrError("the header has not all columns that the field map names")
                value = _nth(columns, position.header.index(place.name))
            elif place.characters is not None:
                first, last = place.characters
                if len(text) < last:
                    raise CdrError("the line is shorter than the field map's columns")
                value = text[first - 1 : last].strip()
            else:
                value = _at(document, (place.path or "").split("."))
            for rewrite in place.rewrite:
                value = re.sub(rewrite.pattern, rewrite.replacement, value)
            return value

        return get

    def _split(self, text: str) -> list[str]:
        return split_columns(
            text,
            self._map.delimiter,
            self._map.escape,
            lenient_quotes=self._map.lenient_quotes,
        )

    def _time(self, text: str, position: Position) -> int:
        reading = self._reading(text)
        if reading.ambiguous:
            position.note = AMBIGUOUS
        return reading.first_us

    def _reading(self, text: str) -> Reading:
        form = self._map.time_format
        if form in ("iso", "epoch"):
            return self._clock.read(text)
        if form == "epoch-ms":
            if not re.fullmatch(r"\d{12,14}", text, re.ASCII):
                raise CdrError("a time is not a count of milliseconds since 1970")
            return self._clock.reading(int(text) * 1000)
        return self._clock.localise(_parse(text, form, self._map.zone_hours))


def _parse(text: str, form: str, zone_hours: Mapping[str, float]) -> datetime:
    zone = None
    for name, hours in zone_hours.items():
        # strptime knows of zone names only this machine's own.
        if "%Z" in form and re.search(rf"\b{re.escape(name)}\b", text):
            zone = timezone(timedelta(hours=hours))
            text, form = re.sub(rf"\b{re.escape(name)}\b", "", text), form.replace("%Z", "")
    try:
        moment = datetime.strptime(text.strip(), form.strip())  # noqa: DTZ007 - the zone follows
    except ValueError as error:
        raise CdrError("a time has not the form that the field map states") from error
    return moment if zone is None else moment.replace(tzinfo=zone)


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CdrError("the line is not JSON") from error
    if not isinstance(document, dict):
        raise CdrError("the line is not a JSON object")
    return document


def _nth(columns: list[str], index: int) -> str:
    if index >= len(columns):
        raise CdrError("the line has fewer columns than the field map names")
    return columns[index].strip()


def _at(document: Any, keys: list[str]) -> str:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    if isinstance(document, bool) or not isinstance(document, str | int | float):
        return ""
    return str(document)
