"""Parameters that no network can be made of."""

import pytest

from trunkline.errors import InputError
from trunkline.pstn.generate import generate
from trunkline.pstn.parameters import Parameters


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"carriers": 2}, "with 2 connections each there must be 3 to 32767 carriers"),
        ({"carriers": 40_000}, "3 to 32767 carriers"),
        ({"m": 0}, "a new carrier makes 1 to"),
        ({"m": 40_000}, "a new carrier makes 1 to"),
        ({"subscribers": 6_999}, "subscribers: at least one a carrier"),
        ({"subscribers": 20_000_001}, "and 20,000,000 at most"),
        ({"calls": 0}, "calls: 1 to"),
        ({"calls": 1_000_000_001}, "calls: 1 to"),
        (
            {"calls": 1_000_000, "subscribers": 10_000, "hours": 1.0},
            "more calls than 10,000 subscribers can make",
        ),
        ({"hours": 0.0}, "hours: more than 0"),
        ({"hours": 745.0}, "hours: more than 0 and at most 744"),
        ({"hours": float("nan")}, "hours: more than 0"),
        ({"campaigns": -1}, "campaigns: 0 to"),
        ({"campaigns": 50_001}, "campaigns: 0 to"),
        ({"campaigns": 0}, "robocalls belong to campaigns"),
        ({"seed": -1}, "seed: 0 to"),
        ({"seed": 1 << 63}, "seed: 0 to"),
        ({"robocalls": 1.01}, "robocalls: a share from 0 to 1"),
        ({"robocall_carriers": -0.1}, "robocall-carriers: a share"),
        ({"participation": float("nan")}, "participation: a share"),
        ({"liars": 2.0}, "liars: a share"),
        ({"lies": -1.0}, "lies: a share"),
        ({"droppers": 1.5}, "droppers: a share"),
        ({"rewriters": -0.5}, "rewriters: a share"),
        ({"droppers": 0.6, "rewriters": 0.6}, "together at most 1"),
        ({"clock_error_ms": -1.0}, "clock-error-ms: 0 to"),
        ({"clock_error_ms": 60_001.0}, "clock-error-ms: 0 to 60000"),
        ({"start": "tomorrow"}, "not a date and time"),
        ({"start": "2026-03-02T00:00:00"}, "needs a time zone"),
        ({"start": "1999-03-02T00:00:00Z"}, "a year from 2001"),
        ({"start": "2099-03-02T00:00:00Z"}, "a year from 2001 to 2098"),
    ],
)
def test_parameters_of_no_network_are_refused(changes, fragment):
    with pytest.raises(InputError, match=fragment):
        Parameters(**changes)


def test_unknown_format_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(InputError, match=r"there are asterisk-csv, .*, mixed"):
        generate(tmp_path / "n", Parameters(carriers=5, subscribers=10, calls=1, format="punched-cards"))


def test_smallest_network_is_generated(tmp_path):
    # Two carriers, nobody robocalls: the edges of what the parameters allow.
    parameters = Parameters(carriers=2, m=1, subscribers=2, calls=1, robocalls=0.0, campaigns=0)
    done = generate(tmp_path / "n", parameters)
    assert done.progress.calls == 1
    assert done.progress.records in (1, 2)
