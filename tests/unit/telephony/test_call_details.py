import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.errors import InputError
from trunkline.telephony.call_details import LabelProfile, LabelRules, encode_call_details, epoch_of, window
from trunkline.telephony.numbers import WITHHELD, Party, PartyKind

SRC = Party(PartyKind.E164, "+15125550109")
DST = Party(PartyKind.E164, "+16465550105")
SECOND = 1_000_000

PARTIES = st.one_of(
    st.just(WITHHELD),
    st.builds(Party, st.sampled_from([PartyKind.E164, PartyKind.URI]), st.text(min_size=1, max_size=60)),
)


def test_call_details_bytes_are_as_specified():
    expected = (
        "0000001f"  # length of the tag
        + b"trunkline/jager/v1/call-details".hex()
        + "01"  # profile src+dst
        + "01" + "000c" + b"+15125550109".hex()  # caller: E.164
        + "01" + "000c" + b"+16465550105".hex()  # called: E.164
        + "000000006b021037"  # epoch 1795297335
    )  # fmt: skip
    assert encode_call_details(LabelRules(), SRC, DST, 1_795_297_335).hex() == expected


def test_call_details_of_withheld_caller_have_an_empty_party():
    assert (
        "01" + "00" + "0000" + "01000c" in encode_call_details(LabelProfile.SRC_DST, WITHHELD, DST, 0).hex()
    )


def test_call_details_under_dst_do_not_depend_on_the_caller():
    rules = LabelRules(profile=LabelProfile.DST)
    encoded = encode_call_details(rules, SRC, DST, 7)
    assert encoded == encode_call_details(rules, WITHHELD, DST, 7)
    assert encoded[35:39].hex() == "02" + "ff0000"


@given(PARTIES, PARTIES, PARTIES, PARTIES, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_call_details_encoding_is_injective(src1, dst1, src2, dst2, epoch1, epoch2):
    if PartyKind.WITHHELD in (dst1.kind, dst2.kind):
        return
    one = encode_call_details(LabelProfile.SRC_DST, src1, dst1, epoch1)
    two = encode_call_details(LabelProfile.SRC_DST, src2, dst2, epoch2)
    assert (one == two) == ((src1, dst1, epoch1) == (src2, dst2, epoch2))


@pytest.mark.parametrize(
    ("src", "dst", "epoch", "fragment"),
    [
        (SRC, WITHHELD, 0, "called party"),
        (SRC, DST, -1, "epoch"),
        (SRC, DST, 2**64, "epoch"),
        (Party(PartyKind.URI, "ä" * 128), DST, 0, "255 bytes"),
    ],
)
def test_call_details_out_of_range_are_refused(src, dst, epoch, fragment):
    with pytest.raises(InputError, match=fragment):
        encode_call_details(LabelRules(), src, dst, epoch)


def test_epoch_rounds_down():
    assert epoch_of(1_999_999, 1000) == 1
    assert epoch_of(-1, 1000) == -1
    assert epoch_of(1_999_999, 10) == 199
    with pytest.raises(InputError, match="positive"):
        epoch_of(0, 0)


def test_window_of_ten_seconds_has_twenty_one_epochs_around_the_call():
    epochs = window(100 * SECOND + 999_999, own_time_is_answer=False, rules=LabelRules())
    assert (epochs[0], epochs[-1], len(epochs)) == (90, 110, 21)


def test_window_widens_before_an_answer_time_and_after_where_others_have_answer_times():
    own = window(100 * SECOND, own_time_is_answer=True, rules=LabelRules())
    assert (own[0], own[-1]) == (30, 110)
    others = window(100 * SECOND, own_time_is_answer=False, rules=LabelRules(answer_time_sources=True))
    assert (others[0], others[-1]) == (90, 170)


def test_window_widens_by_the_tolerance_on_both_sides_and_stops_at_zero():
    epochs = window(100 * SECOND, own_time_is_answer=False, rules=LabelRules(), tolerance_ms=95_000)
    assert (epochs[0], epochs[-1]) == (0, 205)


@pytest.mark.parametrize(("time_us", "tolerance_ms"), [(-1, 0), (0, -1)])
def test_window_of_negative_time_or_tolerance_is_refused(time_us, tolerance_ms):
    with pytest.raises(InputError, match="negative"):
        window(time_us, own_time_is_answer=False, rules=LabelRules(), tolerance_ms=tolerance_ms)
