"""What a call record becomes before its encryption."""

from dataclasses import replace

import pytest
from carrier_miniature import PEER, SELF

from trunkline.errors import InputError
from trunkline.jager.carrier.hop_of import filing_of
from trunkline.jager.messages.hop import Hop, compact_source
from trunkline.telephony.call_details import LabelProfile, LabelRules, encode_call_details
from trunkline.telephony.model import Attempt, CallRecord, RowLocation, TimeKind
from trunkline.telephony.numbers import WITHHELD, Party, PartyKind

ALICE = Party(PartyKind.E164, "+12025550101")
BOB = Party(PartyKind.E164, "+12025550202")
CALL = CallRecord(
    ALICE,
    BOB,
    1_700_000_000_987_654,
    TimeKind.ARRIVAL,
    PEER,
    None,
    Attempt.FINAL,
    True,
    False,
    None,
    RowLocation("f", 1),
)


def test_filing_has_the_details_of_the_epoch_and_a_bare_hop():
    filing = filing_of(CALL, SELF, LabelRules())
    assert filing.epoch == 1_700_000_000
    assert filing.details == encode_call_details(LabelProfile.SRC_DST, ALICE, BOB, 1_700_000_000)
    assert filing.hop == Hop(PEER, SELF, None)


def test_finer_epochs_round_down():
    assert filing_of(CALL, SELF, LabelRules(resolution_ms=10)).epoch == 170_000_000_098


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({"attempt": Attempt.TRIED}, {"tried": True}),
        ({"time_kind": TimeKind.ANSWER}, {"answer_time": True}),
        ({"released_here": True}, {"released": True}),
        ({"previous": None, "next": PEER}, {"previous": None, "next": PEER}),
    ],
)
def test_hop_carries_what_the_record_says(changes, flags):
    assert filing_of(replace(CALL, **changes), SELF, LabelRules()).hop == replace(
        Hop(PEER, SELF, None), **flags
    )


@pytest.mark.parametrize("src", [ALICE, WITHHELD, Party(PartyKind.URI, "alice@example.org")])
def test_profile_without_the_caller_puts_caller_and_millisecond_into_the_hop(src):
    filing = filing_of(replace(CALL, src=src), SELF, LabelRules(profile=LabelProfile.DST))
    assert filing.hop == Hop(PEER, SELF, None, ms=987, src=compact_source(src))
    assert filing.details == encode_call_details(LabelProfile.DST, src, BOB, 1_700_000_000)


def test_call_before_1970_is_an_input_error():
    with pytest.raises(InputError, match="epoch"):
        filing_of(replace(CALL, arrival_us=-1), SELF, LabelRules())


def test_repr_shows_no_number():
    assert "202555" not in repr(filing_of(CALL, SELF, LabelRules()))
