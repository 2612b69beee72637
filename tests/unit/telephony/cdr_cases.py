"""Sources and rows for the telephony tests. Numbers come from ranges kept for fiction."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trunkline.telephony.follow import Batch, Follower, read_all
from trunkline.telephony.model import CallRecord, Reject
from trunkline.telephony.providers import ProviderId
from trunkline.telephony.source import CdrSource

EAST = ProviderId.unlisted("East")
WEST = ProviderId.unlisted("West")
NORTH = ProviderId.unlisted("North")

TABLES: dict[str, Any] = {
    "trunks": {
        "east": EAST,
        "west": WEST,
        "north": NORTH,
        "192.0.2.1": EAST,
        "192.0.2.2": WEST,
        "192.0.2.3": NORTH,
    },
    "access": {"cust": "customer:cust", "subs": "subscribers", "192.0.2.9": "subscribers"},
}


def source(path: Path | str, **changes: Any) -> CdrSource:
    table: dict[str, Any] = {
        "format": "asterisk-csv",
        "paths": [str(path)],
        "time_zone": "UTC",
        "number_plan": {"style": "national", "region": "US", "international_prefix": "011"},
    }
    return CdrSource.model_validate(table | TABLES | changes)


def asterisk_row(
    *,
    incoming: str = "PJSIP/east-00000001",
    outgoing: str = "PJSIP/west-00000002",
    src: str = "5125550109",
    dst: str = "6465550105",
    start: str = "2026-11-21 12:00:00",
    end: str = "2026-11-21 12:00:05",
    duration: int = 5,
    disposition: str = "ANSWERED",
    data: str = "",
    name: str = "",
    trailing: Iterable[str] = (),
) -> str:
    application = "Dial" if outgoing else "Hangup"
    answer = start if disposition == "ANSWERED" else ""
    columns = [
        "",
        src,
        dst,
        "in",
        f'"{name}" <{src}>',
        incoming,
        outgoing,
        application,
        data,
        start,
        answer,
        end,
        str(duration),
        "0",
        disposition,
        "DOCUMENTATION",
        *trailing,
    ]
    return ",".join('"' + column.replace('"', '""') + '"' for column in columns) + "\n"


def read(cdr_source: CdrSource) -> tuple[list[CallRecord], list[Reject]]:
    """Read finished files, and check on the way that no batch is larger than it may be."""
    batches = list(read_all([cdr_source]))
    return [record for batch in batches for record in batch.records], [
        reject for batch in batches for reject in batch.rejects
    ]


def read_batches(cdr_source: CdrSource) -> list[Batch]:
    return list(read_all([cdr_source]))


def read_rows(folder: Path, text: str | bytes, **changes: Any) -> tuple[list[CallRecord], list[Reject]]:
    path = folder / "cdr.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(source(path, **changes))


def poll_to_end(follower: Follower, now_us: int, *, finish: bool = False) -> list[Batch]:
    batches = []
    while True:
        batches.append(follower.poll(now_us, finish=finish))
        if not batches[-1].more:
            return batches


def utc(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)
