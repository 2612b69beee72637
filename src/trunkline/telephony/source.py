"""What one CDR source is: its form, its files, its clock, its numbers, and who is behind each trunk.

Nothing in here is guessed. A source is written down in TOML and refused if a key is unknown.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from trunkline.errors import ConfigurationError, TrunklineError
from trunkline.telephony.clock import SourceClock
from trunkline.telephony.model import TimeKind
from trunkline.telephony.numbers import NumberPlan
from trunkline.telephony.providers import ProviderId

CdrFormat = Literal[
    "asterisk-csv",
    "asterisk-custom",
    "kamailio-sqlite",
    "kamailio-csv",
    "opensips-sqlite",
    "opensips-csv",
    "freeswitch-csv",
    "freeswitch-json",
    "field-map",
]

_SOURCE_FILE_LIMIT = 4 << 20
_UNLISTED = "unlisted:"


def resolve_provider(text: str) -> ProviderId:
    """Turn what a table says of a provider into its identifier: 32 hexadecimal digits, or `unlisted:NAME`.

    Raises:
        InputError: It is neither.
    """
    if text.startswith(_UNLISTED):
        return ProviderId.unlisted(text.removeprefix(_UNLISTED))
    return ProviderId.from_hex(text)


def _as_provider(value: Any) -> ProviderId:
    if isinstance(value, ProviderId):
        return value
    try:
        return resolve_provider(str(value))
    except TrunklineError as error:
        raise ValueError(f"a provider is 32 hexadecimal digits or unlisted:NAME; {error}") from error


Provider = Annotated[ProviderId, BeforeValidator(_as_provider)]
AccessLine = Annotated[str, Field(pattern=r"^(subscribers|customer:.{1,100})$")]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AsteriskOptions(_Table):
    """How an Asterisk writes its rows.

    Attributes:
        loguniqueid: As in cdr.conf; not stated, it is told from each row.
        loguserfield: As in cdr.conf.
        newcdrcolumns: As in cdr.conf.
        custom_columns: For cdr_custom, the names of the columns in order.
        delimiter: For cdr_custom, what stands between columns.
    """

    loguniqueid: bool | None = None
    loguserfield: bool | None = None
    newcdrcolumns: bool | None = None
    custom_columns: tuple[str, ...] = Field(default=(), max_length=64)
    delimiter: Literal[",", "\t", ";", "|"] = ","


class DialogOptions(_Table):
    """The columns of a proxy's accounting tables (Kamailio, OpenSIPS), and its own addresses.

    Attributes:
        caller: Column of the caller's user part.
        called: Column of the request URI's user part, after routing.
        dialled: Column of the called number as it was dialled; empty if there is none.
        incoming: Column of the address or trunk that the call came from.
        outgoing: Column of the address or trunk that it was sent to.
        own_addresses: Where `outgoing` is one of these, the call found no route and ended here.
    """

    caller: str = "src_user"
    called: str = "dst_user"
    dialled: str = "dst_ouser"
    incoming: str = "src_ip"
    outgoing: str = "dst_domain"
    own_addresses: tuple[str, ...] = ()


class FreeswitchOptions(_Table):
    """How a FreeSWITCH writes its rows.

    Attributes:
        template: For cdr_csv, the name of a stock template or the names of the columns in order.
        incoming: Variable or column that names the peer a call came from.
        outgoing: Variable or column that names the peer it was sent to.
    """

    template: Literal["example", "sql", "asterisk", "opencdrrate"] | tuple[str, ...] = ()
    incoming: str = "network_addr"
    outgoing: str = "sip_gateway_name"


class CdrSource(_Table):
    """One CDR source of a carrier.

    Attributes:
        format: Which reader reads it.
        paths: Files or glob patterns; relative ones are relative to the file this was loaded from.
        time_zone: IANA name of the zone of its local times.
        number_plan: How it writes numbers.
        sent_number_plan: How a switch writes the number that it sent on, if not in E.164 with +.
        clock_offset_ms: What must be added to its clock to get true time.
        time: What its earliest time is. `answer` states that the arrival is nowhere, so it is not waited for.
        trunks: Trunk name or address to provider.
        access: Trunk name or address to `subscribers` or `customer:NAME`.
        settle_ms: How long after a call's last row more rows of it may follow.
        hold_minutes: How long an answered call may wait for the row that has its start.
        asterisk: Options of the Asterisk formats.
        dialog: Options of the Kamailio and OpenSIPS formats.
        freeswitch: Options of the FreeSWITCH formats.
        field_map: For `field-map`, the name of a shipped map or the path of one.
    """

    format: CdrFormat
    paths: tuple[str, ...] = Field(min_length=1, max_length=1000)
    time_zone: str
    number_plan: NumberPlan
    sent_number_plan: NumberPlan | None = None
    clock_offset_ms: int = Field(default=0, ge=-86_400_000, le=86_400_000)
    time: TimeKind = TimeKind.ARRIVAL
    trunks: dict[str, Provider] = Field(default_factory=dict)
    access: dict[str, AccessLine] = Field(default_factory=dict)
    settle_ms: int = Field(default=2000, ge=0, le=600_000)
    hold_minutes: int = Field(default=240, ge=0, le=2880)
    asterisk: AsteriskOptions = AsteriskOptions()
    dialog: DialogOptions = DialogOptions()
    freeswitch: FreeswitchOptions = FreeswitchOptions()
    field_map: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("time_zone: not an IANA zone; state one such as America/New_York") from error
        if self.trunks.keys() & self.access.keys():
            raise ValueError(
                "a trunk stands both in trunks and in access: it is a neighbour or an access line"
            )
        if self.format == "asterisk-custom" and not self.asterisk.custom_columns:
            raise ValueError(
                "asterisk-custom needs asterisk.custom_columns, the names of the columns in order"
            )
        if (self.format == "field-map") != bool(self.field_map):
            raise ValueError("field_map is stated for the format field-map, and only for that")
        return self

    @property
    def clock(self) -> SourceClock:
        """The source's clock."""
        return SourceClock(ZoneInfo(self.time_zone), self.clock_offset_ms * 1000)


def load_sources(path: Path, resolve: Callable[[str], ProviderId] = resolve_provider) -> list[CdrSource]:
    """Load the `[[source]]` tables of a TOML file.

    Args:
        path: The file.
        resolve: Turns a provider's name in the tables into its identifier.

    Raises:
        ConfigurationError: The file cannot be read, or a source in it is not acceptable.
    """
    document = read_toml(path)
    tables = document.get("source")
    if not isinstance(tables, list) or not tables or set(document) != {"source"}:
        raise ConfigurationError(f"{path}: expected one or more [[source]] tables and nothing else")
    return [
        source_from_table(table, path.parent, resolve, f"{path}: source {number}")
        for number, table in enumerate(tables, 1)
    ]


def source_from_table(
    table: Any,
    folder: Path,
    resolve: Callable[[str], ProviderId] = resolve_provider,
    where: str = "source",
) -> CdrSource:
    """Check one source table, as loaded from TOML.

    Args:
        table: The table.
        folder: What relative paths are relative to.
        resolve: Turns a provider's name in the tables into its identifier.
        where: What an error message calls the table.

    Raises:
        ConfigurationError: The table is not acceptable; the message says which key and why.
    """
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: expected a table")
    prepared = dict(table)
    try:
        if isinstance(prepared.get("trunks"), dict):
            prepared["trunks"] = {name: resolve(str(text)) for name, text in prepared["trunks"].items()}
        if isinstance(prepared.get("paths"), list):
            prepared["paths"] = [str(folder / str(path)) for path in prepared["paths"]]
        if str(prepared.get("field_map", "")).endswith(".toml"):
            prepared["field_map"] = str(folder / prepared["field_map"])
        return CdrSource.model_validate(prepared)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {explain(error)}") from error
    except TrunklineError as error:
        raise ConfigurationError(f"{where}: trunks: {error}") from error


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file of bounded size.

    Raises:
        ConfigurationError: It cannot be read, is too large, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_SOURCE_FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > _SOURCE_FILE_LIMIT:
        raise ConfigurationError(f"{path}: larger than {_SOURCE_FILE_LIMIT >> 20} MiB")
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: not a TOML file: {error}") from error


def explain(error: ValidationError) -> str:
    """Say what is wrong with a table, key by key, without the values: they may be numbers or names."""
    return "; ".join(
        ": ".join(
            part
            for part in (
                ".".join(map(str, detail["loc"])),
                detail["msg"].removeprefix("Value error, "),
            )
            if part
        )
        for detail in error.errors(include_input=False, include_url=False)
    )
