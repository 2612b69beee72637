import hashlib

import pytest

from trunkline.errors import DecodingError, InputError
from trunkline.telephony.providers import ProviderId


def test_provider_hex_round_trips():
    provider = ProviderId(bytes(range(16)))
    assert provider.hex == str(provider) == "000102030405060708090a0b0c0d0e0f"
    assert ProviderId.from_hex(provider.hex.upper()) == provider


@pytest.mark.parametrize("text", ["", "00" * 15, "00" * 17, "0g" * 16, "0x" + "00" * 15, "00 " * 16])
def test_provider_from_other_text_is_refused(text):
    with pytest.raises(DecodingError, match="32 hexadecimal digits"):
        ProviderId.from_hex(text)


def test_provider_of_other_length_is_refused():
    with pytest.raises(DecodingError, match="16 bytes"):
        ProviderId(b"short")


def test_unlisted_provider_is_the_same_for_all_who_name_it():
    tag, name = b"trunkline/jager/v1/unlisted", b"granite wholesale"
    expected = hashlib.sha256(
        len(tag).to_bytes(4, "big") + tag + len(name).to_bytes(4, "big") + name
    ).digest()[:16]
    assert ProviderId.unlisted("Granite Wholesale").value == expected
    assert ProviderId.unlisted("  GRANITE wholesale ").value == expected


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_unlisted_provider_without_usable_name_is_refused(name):
    with pytest.raises(InputError, match="1 to 200 characters"):
        ProviderId.unlisted(name)
