"""Options of `trunkline carrier trace` that must come together."""

import pytest

from trunkline.cli import carrier
from trunkline.errors import InputError


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({}, "give one of --row"),
        ({"row": "a:1", "called": "+14155550102"}, "give one of --row"),
        # Without a caller the trace would be that of a withheld one, and find nothing.
        ({"called": "+14155550102", "at": "1795297332"}, "--calling anonymous"),
        ({"called": "+14155550102", "calling": "anonymous"}, "needs --time"),
        ({"row": "Master.csv"}, "FILE:LINE"),
    ],
)
def test_trace_with_half_of_the_options_says_what_is_missing(tmp_path, monkeypatch, options, fragment):
    monkeypatch.setattr(carrier, "_load", lambda _path: None)
    with pytest.raises(InputError, match=fragment):
        carrier.trace(tmp_path, **options)
