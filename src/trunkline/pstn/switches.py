"""The carriers' switches: which CDR format, number plan, zone and trunk names each one has."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trunkline.errors import InputError
from trunkline.pstn.calls import WITHHELD
from trunkline.pstn.cdr_accounting import KAMAILIO_CSV, KAMAILIO_SQLITE, OPENSIPS_CSV, OPENSIPS_SQLITE
from trunkline.pstn.cdr_asterisk import ASTERISK_CSV, ASTERISK_CUSTOM
from trunkline.pstn.cdr_freeswitch import FREESWITCH_CSV, FREESWITCH_JSON
from trunkline.pstn.cdr_maps import GENBAND, NEXTONE, ORACLE, SANSAY
from trunkline.pstn.cdr_text import Form
from trunkline.pstn.parameters import MIXED, Parameters
from trunkline.pstn.records import SUBSCRIBERS, Records
from trunkline.pstn.timing import local_times

FORMS = (
    *(ASTERISK_CSV, ASTERISK_CUSTOM, FREESWITCH_CSV, FREESWITCH_JSON, KAMAILIO_CSV, KAMAILIO_SQLITE),
    *(OPENSIPS_CSV, OPENSIPS_SQLITE, GENBAND, NEXTONE, ORACLE, SANSAY),
)
FORMAT_NAMES = (*(form.name for form in FORMS), MIXED)

ZONES = ["UTC", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"]
STYLES = ("e164", "e164-without-plus", "national", "1+national")
STYLE_WORDS = (
    *("E.164 with +", "E.164 digits without +", "10-digit national; international with 011"),
    "1 + 10 digits; international with 011",
)
_NATIONAL = STYLES.index("national")
_PLUS = STYLES.index("e164")
_COUNTRY_CODE = 10_000_000_000
_SUBSCRIBERS_TRUNK, _SUBSCRIBERS_ADDRESS = "subs", "192.168.0.20"


@dataclass(frozen=True, slots=True)
class CdrFile:
    """Lines for one file of one carrier."""

    carrier: int
    file: int
    text: str


class Switches:
    """The switches of all carriers.

    Args:
        parameters: What the run is generated from.
        entries: Carrier by which each campaign enters the network.
        generator: Where randomness comes from.

    Raises:
        InputError: There is no such format.
    """

    def __init__(
        self, parameters: Parameters, entries: NDArray[np.int32], generator: np.random.Generator
    ) -> None:
        if parameters.format not in FORMAT_NAMES:
            raise InputError(f"there is no format of that name; there are {', '.join(FORMAT_NAMES)}")
        count = parameters.carriers
        forms = np.arange(count) % len(FORMS)
        generator.shuffle(forms)
        if parameters.format != MIXED:
            forms[:] = FORMAT_NAMES.index(parameters.format)
        plus = np.array([form.plus for form in FORMS])[forms]
        local = np.array([form.local_time for form in FORMS])[forms]
        self._forms = forms
        self._styles = np.where(plus, _PLUS, generator.integers(0, len(STYLES), count)).astype(np.int8)
        self._zones = np.where(local, generator.integers(0, len(ZONES), count), 0).astype(np.int8)
        self._entries = entries
        self.names = [f"c{number:05}" for number in range(count)]
        # In the order of codes: the campaigns from the last to the first, subscribers, carriers from 0 on.
        campaigns = range(len(entries) - 1, -1, -1)
        self._trunks = [
            *map(customer, campaigns),
            _SUBSCRIBERS_TRUNK,
            *(f"{name}-trunk" for name in self.names),
        ]
        self._addresses = [
            *map(_customer_address, campaigns),
            _SUBSCRIBERS_ADDRESS,
            *(f"10.{number >> 8}.{number & 255}.5" for number in range(count)),
        ]
        self._peer_texts = {"trunk": pl.Series(self._trunks), "address": pl.Series(self._addresses)}

    def form(self, carrier: int) -> Form:
        """The carrier's CDR format."""
        return FORMS[int(self._forms[carrier])]

    def style(self, carrier: int) -> int:
        """Which of `STYLES` the carrier writes numbers in."""
        return int(self._styles[carrier])

    def zone(self, carrier: int) -> str:
        """The zone of the times that the carrier writes."""
        return ZONES[int(self._zones[carrier])]

    def peer(self, carrier: int, side: int) -> str:
        """What the carrier calls a neighbour or an access line."""
        texts = self._trunks if self.form(carrier).peers == "trunk" else self._addresses
        return texts[side + 1 + len(self._entries)]

    def access(self, carrier: int) -> dict[str, str]:
        """The carrier's access lines, as in a source's table."""
        mine = np.flatnonzero(self._entries == carrier).tolist()
        lines = {self.peer(carrier, -2 - campaign): f"customer:{customer(campaign)}" for campaign in mine}
        return {**lines, self.peer(carrier, SUBSCRIBERS): "subscribers"}

    def number_plan(self, carrier: int) -> dict[str, str]:
        """The carrier's number plan, as in a source."""
        style = STYLES[self.style(carrier)]
        return {
            "style": style,
            "region": "US",
            "international_prefix": "" if style.startswith("e164") else "011",
        }

    def source(self, carrier: int, neighbours: dict[int, str]) -> dict[str, Any]:
        """The carrier's `[[source]]` table.

        Args:
            carrier: The carrier.
            neighbours: What to write for the carriers that it is connected to.
        """
        form = self.form(carrier)
        return {
            **form.source,
            "paths": list(form.kept_files),
            "time_zone": self.zone(carrier),
            "number_plan": self.number_plan(carrier),
            "trunks": {self.peer(carrier, number): text for number, text in neighbours.items()},
            "access": self.access(carrier),
        }

    def write(
        self, records: Records, since_us: NDArray[np.int64], until_us: NDArray[np.int64]
    ) -> Iterator[CdrFile]:
        """Makes the lines that switches write of records within a time, in the order of writing.

        Args:
            records: The records.
            since_us: For each carrier, from which time by its clock on.
            until_us: For each carrier, before which time.
        """
        forms = self._forms[records.carriers]

        def within(times_us: NDArray[np.int64]) -> NDArray[np.bool_]:
            return (since_us[records.carriers] <= times_us) & (times_us < until_us[records.carriers])

        ended, answered = within(records.end_us), within(records.answer_us)
        bounds = pl.DataFrame({"since": since_us, "until": until_us}).with_row_index("carrier")
        bounds = bounds.with_columns(pl.col("carrier").cast(pl.Int32))
        for number in np.unique(forms):
            form = FORMS[number]
            chosen = (forms == number) & ((ended | answered) if form.at_answer else ended)
            frame = self._frame(form, records, np.flatnonzero(chosen))
            for file, lines in enumerate(form.lines(frame)):
                grouped = (
                    lines.join(bounds, on="carrier")
                    .filter(pl.col("time").is_between("since", "until", closed="left"))
                    .sort("carrier", "time", "number")
                    .group_by("carrier", maintain_order=True)
                    .agg(pl.col("line").str.join("\n"))
                )
                for carrier, text in grouped.iter_rows():
                    yield CdrFile(carrier, file, text + "\n")

    def _frame(self, form: Form, records: Records, chosen: NDArray[np.int64]) -> pl.DataFrame:
        carriers = records.carriers[chosen]
        styles, zones = self._styles[carriers], self._zones[carriers]
        peers = self._peer_texts[form.peers]
        codes = 1 + len(self._entries)

        def local(times_us: NDArray[np.int64]) -> NDArray[np.int64]:
            return local_times(times_us, zones, ZONES) if form.local_time else times_us

        answered = records.answer_us[chosen] != 0
        arrival_us = records.arrival_us[chosen]
        answer_us = np.where(answered, records.answer_us[chosen], arrival_us)
        frame = pl.DataFrame(
            {
                "carrier": carriers,
                "number": records.numbers[chosen],
                "caller": _numbers(records.callers[chosen], styles),
                "called": _numbers(records.called[chosen], styles),
                "sent": _numbers(records.called[chosen], np.full_like(styles, _PLUS)),
                "before": peers.gather(records.before[chosen] + codes),
                "after": peers.gather(records.after[chosen] + codes),
                "arrival": local(arrival_us),
                "arrival_utc": arrival_us,
                "answer": local(answer_us),
                "end": local(records.end_us[chosen]),
                "end_utc": records.end_us[chosen],
                "outcome": records.outcomes[chosen],
                "answered": answered,
            }
        )
        return frame.with_columns(answer=pl.when("answered").then("answer"))


def customer(campaign: int) -> str:
    """The name of the customer behind a campaign."""
    return f"cust-{campaign:05}"


def _customer_address(campaign: int) -> str:
    return f"172.{16 + (campaign >> 16)}.{campaign >> 8 & 255}.{campaign & 255}"


def _numbers(numbers: NDArray[np.int64], styles: NDArray[np.int8]) -> pl.Series:
    """Writes numbers in the switches' number plans."""
    shortened = numbers - np.where(styles == _NATIONAL, _COUNTRY_CODE, 0)
    frame = pl.DataFrame({"digits": shortened, "plus": styles == _PLUS, "withheld": numbers == WITHHELD})
    text = pl.concat_str(
        pl.when("plus").then(pl.lit("+")).otherwise(pl.lit("")), pl.col("digits").cast(pl.String)
    )
    return frame.select(
        text=pl.when("withheld").then(pl.lit("anonymous")).otherwise(text),
    )["text"]
