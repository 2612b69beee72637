import json
from base64 import b64encode

import pytest

from trunkline.errors import (
    ConfigurationError,
    ConflictError,
    DecodingError,
    PointError,
    SignatureError,
    TooLargeError,
)
from trunkline.jager.messages.registry import Provider, Registry, RegistryFile, newer_registry
from trunkline.jager.messages.signed_document import SignedDocument
from trunkline.service.keys import IdentityKey
from trunkline.telephony.providers import ProviderId

REGISTRY_KEY = IdentityKey(b"\x01" * 32)
ALPHA_KEY = IdentityKey(b"\x02" * 32).public_key
BRAVO_KEY = IdentityKey(b"\x03" * 32).public_key
ALPHA, BRAVO, LISTED = (ProviderId(bytes([number]) * 16) for number in (0xA1, 0xB2, 0xC3))


def registry(serial=1, *, bravo_status="suspended", alpha_key=ALPHA_KEY):
    return Registry(
        version=1,
        serial=serial,
        issued_at=1_700_000_000,
        providers=(
            Provider(id=ALPHA.value, name="Alpha", key=alpha_key, status="active", contact="noc@a.example"),
            Provider(id=BRAVO.value, name="Bravo", key=BRAVO_KEY, status=bravo_status, contact=""),
            Provider(id=LISTED.value, name="Listed", key=None, status="listed", contact=""),
        ),
    )


def signed(payload, key=REGISTRY_KEY):
    return SignedDocument.sign(json.dumps(payload).encode(), key, "registry")


def payload(**changes):
    return json.loads(registry().payload) | changes


def test_registry_signed_and_verified_is_the_same():
    document = SignedDocument.decode(registry().sign(REGISTRY_KEY).encode(), "the registry", 10**6)
    read = Registry.verify(document, REGISTRY_KEY.public_key)
    assert read.providers == registry().providers
    assert read.payload == registry().payload
    assert read.key_of(ALPHA.hex) == ALPHA_KEY
    assert read.by_id(ALPHA).contact == "noc@a.example"
    assert (read.name_of(BRAVO), read.status(BRAVO)) == ("Bravo", "suspended")
    assert read.status(LISTED) == "listed"
    unknown = ProviderId(b"\x05" * 16)
    assert (read.name_of(unknown), read.status(unknown), read.by_id(unknown)) == (unknown.hex, None, None)


@pytest.mark.parametrize("key_id", [BRAVO.hex, LISTED.hex, "05" * 16, "a1", "zz", ""])
def test_key_of_anybody_not_active_is_none(key_id):
    assert registry().key_of(key_id) is None


def test_registry_of_another_key_is_refused():
    document = registry().sign(IdentityKey(b"\x09" * 32))
    with pytest.raises(SignatureError, match="signed by another key"):
        Registry.verify(document, REGISTRY_KEY.public_key)
    forged = SignedDocument(document.payload, document.signature, REGISTRY_KEY.public_key)
    with pytest.raises(SignatureError, match="does not verify"):
        Registry.verify(forged, REGISTRY_KEY.public_key)


def test_registry_signed_for_another_use_is_refused():
    document = SignedDocument.sign(registry().payload, REGISTRY_KEY, "parameters")
    with pytest.raises(SignatureError, match="the registry signature does not verify"):
        Registry.verify(document, REGISTRY_KEY.public_key)


def provider(**changes):
    entry = {"id": "a1" * 16, "name": "A", "key": ALPHA_KEY.hex(), "status": "active", "contact": ""}
    return entry | changes


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"version": 2}, "at version"),
        ({"extra": 1}, "at extra"),
        ({"serial": -1}, "at serial"),
        ({"serial": "1"}, "at serial"),
        ({"serial": 2**64}, "at serial"),
        ({"providers": [provider(status="gone")]}, r"at providers\.0\.status"),
        ({"providers": [provider(more=1)]}, r"at providers\.0\.more"),
        ({"providers": [provider(key=None)]}, "has a key unless it is only listed"),
        ({"providers": [provider(status="listed")]}, "has a key unless it is only listed"),
        ({"providers": [provider(id="00" * 16)]}, "means nobody"),
        ({"providers": [provider(id="A1" * 16)]}, "lower-case hexadecimal"),
        ({"providers": [provider(), provider(key=BRAVO_KEY.hex())]}, "listed twice"),
        ({"providers": [provider(), provider(id="a2" * 16)]}, "have the same key"),
        ({"providers": [provider(name="")]}, r"at providers\.0\.name"),
    ],
)
def test_registry_with_unacceptable_field_is_refused(changes, fragment):
    with pytest.raises(DecodingError, match=fragment):
        Registry.verify(signed(payload(**changes)), REGISTRY_KEY.public_key)


def test_registry_with_a_key_of_small_order_is_refused():
    # Who registers the identity as its key could have everybody sign for it.
    document = signed(payload(providers=[provider(key=(1).to_bytes(32, "little").hex())]))
    with pytest.raises(PointError, match="small order"):
        Registry.verify(document, REGISTRY_KEY.public_key)
    with pytest.raises(PointError, match="small order"):
        registry(alpha_key=(1).to_bytes(32, "little")).sign(REGISTRY_KEY)


def test_registry_with_one_name_twice_is_refused():
    doubled = SignedDocument.sign(
        b'{"serial": 9, ' + registry().payload.lstrip()[1:], REGISTRY_KEY, "registry"
    )
    with pytest.raises(DecodingError, match="each name once"):
        Registry.verify(doubled, REGISTRY_KEY.public_key)


@pytest.mark.parametrize(
    ("data", "fragment"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "exactly payload, signature and key"),
        (b'{"payload": "", "signature": ""}', "exactly payload, signature and key"),
        (b'{"payload": "", "signature": "", "key": "", "x": ""}', "exactly payload, signature and key"),
        (b'{"payload": "", "signature": "", "key": 1}', "are strings"),
        (b'{"payload": "*", "signature": "", "key": ""}', "broken base64 or hex"),
        (b'{"payload": "", "signature": "", "key": "0"}', "broken base64 or hex"),
    ],
)
def test_envelope_that_is_none_is_refused(data, fragment):
    with pytest.raises(DecodingError, match=fragment):
        SignedDocument.decode(data, "the registry", 10**6)


def test_envelope_over_the_limit_is_refused():
    envelope = {"payload": b64encode(bytes(200)).decode(), "signature": "", "key": ""}
    with pytest.raises(TooLargeError, match="at most 100 bytes"):
        SignedDocument.decode(json.dumps(envelope).encode(), "the registry", 100)


def test_registry_of_lower_serial_does_not_replace():
    assert newer_registry(registry(1), registry(2)).serial == 2
    assert newer_registry(registry(2), registry(2)).serial == 2
    with pytest.raises(ConflictError, match="older than 2"):
        newer_registry(registry(2), registry(1))
    with pytest.raises(ConflictError, match="two registries of serial 2"):
        newer_registry(registry(2), registry(2, bravo_status="active"))


def write(path, found):
    path.with_suffix(".new").write_bytes(found.sign(REGISTRY_KEY).encode())
    path.with_suffix(".new").replace(path)


def test_registry_file_that_changes_is_read_again_unless_it_is_older_or_broken(tmp_path):
    path = tmp_path / "registry.json"
    write(path, registry(2))
    file = RegistryFile(path, REGISTRY_KEY.public_key)
    assert file.key_of(BRAVO.hex) is None
    write(path, registry(3, bravo_status="active"))
    assert file.key_of(BRAVO.hex) == BRAVO_KEY
    write(path, registry(1))
    assert file.current().serial == 3
    path.write_bytes(b"{}")
    assert file.current().serial == 3
    path.unlink()
    assert file.current().serial == 3
    write(path, registry(4))
    assert file.current().serial == 4
    assert file.key_of(BRAVO.hex) is None


def test_registry_older_than_one_in_force_is_refused_after_a_restart(tmp_path):
    # Else a restart with an old file would bring a suspended carrier back.
    path, serial_file = tmp_path / "registry.json", tmp_path / "serial"
    write(path, registry(2))
    file = RegistryFile(path, REGISTRY_KEY.public_key, serial_file=serial_file)
    write(path, registry(3))
    assert file.current().serial == 3
    write(path, registry(2))
    with pytest.raises(ConflictError, match="serial 2, older than 3"):
        RegistryFile(path, REGISTRY_KEY.public_key, serial_file=serial_file)
    write(path, registry(3))
    assert RegistryFile(path, REGISTRY_KEY.public_key, serial_file=serial_file).current().serial == 3
    serial_file.write_text("x")
    with pytest.raises(ConfigurationError, match="remove it to begin anew"):
        RegistryFile(path, REGISTRY_KEY.public_key, serial_file=serial_file)


def test_registry_file_goes_on_when_the_serial_cannot_be_remembered(tmp_path):
    path = tmp_path / "registry.json"
    write(path, registry(2))
    file = RegistryFile(path, REGISTRY_KEY.public_key, serial_file=tmp_path / "missing" / "serial")
    assert file.current().serial == 2


def test_registry_file_that_is_missing_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read the registry"):
        RegistryFile(tmp_path / "missing.json", REGISTRY_KEY.public_key)
