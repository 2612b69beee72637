"""Call records for measurements: Asterisk CDRs of made-up calls along a chain of carriers."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from trunkline.jager.deployment.local import provider_id

CHAIN = ("b1", "b2", "b3", "b4", "b5")
"""The carriers of every made-up call, in order."""


def chain_source(deployment: str, carrier: str, path: str) -> dict[str, Any]:
    """The source table of one carrier of the chain, for records written by `chain_rows`."""
    return {
        "format": "asterisk-csv",
        "paths": [path],
        "time_zone": "UTC",
        "number_plan": {"style": "e164-without-plus", "region": "US"},
        "trunks": {f"{name}-trunk": provider_id(deployment, name).hex for name in CHAIN if name != carrier},
        "access": {"customers": "customer:load", "subscribers": "subscribers"},
    }


def chain_rows(carrier: str, calls: int, start: datetime, *, per_second: int = 200) -> Iterator[str]:
    """The rows of one carrier's Master.csv for so many calls, each to another number.

    Args:
        carrier: One of `CHAIN`.
        calls: How many calls.
        start: When the first call comes in.
        per_second: How many come in a second.
    """
    place = CHAIN.index(carrier)
    incoming = f"PJSIP/{CHAIN[place - 1]}-trunk" if place else "PJSIP/customers"
    outgoing = f"PJSIP/{CHAIN[place + 1]}-trunk" if place + 1 < len(CHAIN) else "PJSIP/subscribers"
    for number in range(calls):
        began = start + timedelta(seconds=number // per_second)
        src, dst = call_numbers(number)
        ended = began + timedelta(seconds=30)
        row = ["", src, dst, "default", f'"" <{src}>', f"{incoming}-{2 * number:08x}"]
        row += [
            f"{outgoing}-{2 * number + 1:08x}",
            "Dial",
            f"PJSIP/+{dst}",
            f"{began:%F %T}",
            f"{began:%F %T}",
        ]
        row += [f"{ended:%F %T}", "30", "30", "ANSWERED", "DOCUMENTATION", f"{number}.{place}"]
        line = io.StringIO()
        csv.writer(line, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(row)
        yield line.getvalue()


def call_numbers(number: int) -> tuple[str, str]:
    """Caller and called number of a made-up call, E.164 without the plus."""
    # 555-01XX is kept for fiction; there are not enough of those, so the called area code and office vary.
    return (
        f"1202555{100 + number % 100:04d}",
        f"1{212 + number // 1_000_000:03d}{2_000_000 + number % 1_000_000:07d}",
    )


def recent_start(calls: int, per_second: int = 200) -> datetime:
    """A start so that all calls have ended by now."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=calls // per_second + 120)
