import json

import pytest

from trunkline.crypto.label_signature import key_id
from trunkline.crypto.oprf import LabelKey
from trunkline.crypto.transcript import H
from trunkline.errors import (
    ConfigurationError,
    CryptoError,
    DecodingError,
    InputError,
    PointError,
    ProofError,
    SignatureError,
)
from trunkline.jager.messages.parameters import (
    PublicParameters,
    SignedParameters,
    make_parameters,
    root_fingerprint,
)
from trunkline.jager.messages.signed_document import SignedDocument
from trunkline.service.keys import IdentityKey
from trunkline.telephony.call_details import LabelProfile, LabelRules

NOW = 1_760_000_000
OTHER = IdentityKey(b"\x0f" * 32)
INFINITY_G1 = "c0" + "00" * 47
INFINITY_G2 = "c0" + "00" * 95


@pytest.fixture
def load(keys, fields, tmp_path):
    """Sign a payload with changed fields without any check, write it, and load it."""

    def write_and_load(signer=keys.root, name="parameters", now=NOW, payload=None, **changes):
        payload = payload or json.dumps(fields | changes).encode()
        path = tmp_path / "parameters.json"
        path.write_bytes(SignedDocument.sign(payload, signer, name).encode())
        return SignedParameters.load(path, root_fingerprint(keys.root.public_key), now=now)

    return write_and_load


def test_parameters_signed_and_loaded_are_the_same(keys, parameters, tmp_path):
    path = tmp_path / "parameters.json"
    path.write_bytes(SignedParameters.sign(parameters.payload, keys.root).encode())
    loaded = SignedParameters.load(path, root_fingerprint(keys.root.public_key).upper(), now=NOW)
    assert loaded.payload == parameters.payload
    assert loaded.hash == parameters.hash == H("params", parameters.payload)
    assert loaded.ref == loaded.hash[:8]
    assert loaded.keys == parameters.keys


def test_parameters_hash_is_of_the_exact_bytes(load, fields):
    payload = json.dumps(fields, indent=7).encode()
    assert load(payload=payload).hash == H("params", payload) != load().hash


# The checks of SignedParameters.verify in their order; each case breaks one and all that come after it
# would fail too, so the order shows.
BROKEN_POINT = {
    "group": {"w": INFINITY_G2, "w_possession": "00" * 48, "y": INFINITY_G1, "y_possession": "00" * 48}
}


def test_check_1_another_root_key_is_refused_first(load):
    with pytest.raises(SignatureError, match="another root key than the pinned one"):
        load(OTHER, "registry", version=2, **BROKEN_POINT)


def test_check_2_a_signature_for_another_use_is_refused_before_fields_are_read(load):
    with pytest.raises(SignatureError, match="the parameters signature does not verify"):
        load(name="registry", version=2, **BROKEN_POINT)


def test_check_3_unacceptable_fields_are_refused_before_points_are_decoded(load):
    with pytest.raises(DecodingError, match="not acceptable at version"):
        load(version=2, **BROKEN_POINT)


def test_check_4_points_are_refused_before_validity(load):
    with pytest.raises(CryptoError):
        load(now=NOW + 5000, **BROKEN_POINT)


@pytest.mark.parametrize(
    ("now", "fragment"), [(NOW - 1001, "not valid yet: check the clock"), (NOW + 1000, "have expired")]
)
def test_check_6_parameters_outside_their_validity_are_refused_unless_judged(load, now, fragment):
    with pytest.raises(InputError, match=fragment):
        load(now=now)
    assert load(now=None).deployment == "test-1"


def one_key(fields, **changes):
    return {"keys": (fields["keys"][0] | changes, fields["keys"][1])}


def group(fields, **changes):
    return {"group": fields["group"] | changes}


def test_points_that_are_the_identity_or_off_the_group_are_refused(load, fields):
    torsion = "8" + "0" * 94 + "4"  # x = 4 lies on the curve with another order than r
    for changes in (
        one_key(fields, oprf="00" * 32),
        one_key(fields, oprf="ff" * 32),
        one_key(fields, vk_t=INFINITY_G2),
        one_key(fields, vk_t="ff" * 96),
        group(fields, w=INFINITY_G2),
        group(fields, y=INFINITY_G1),
        group(fields, y=torsion),
    ):
        with pytest.raises(PointError):
            load(**changes)


def test_keys_without_proof_of_possession_are_refused(load, fields):
    # Somebody else's key, or one made up from others', has no proof.
    other = fields["keys"][1]["vk_t_possession"]
    for changes in (
        one_key(fields, vk_t_possession=other),
        group(fields, w_possession=fields["group"]["y_possession"]),
        group(fields, y_possession=fields["group"]["w_possession"]),
    ):
        with pytest.raises(ProofError):
            load(**changes)


@pytest.mark.parametrize(
    "field", ["authorization_key", "membership_key", "accountability_key", "registry_key"]
)
def test_identity_keys_of_small_order_are_refused(load, field):
    with pytest.raises(PointError, match="small order"):
        load(**{field: "01" + "00" * 31})


def test_store_key_of_small_order_is_refused(load):
    with pytest.raises(PointError, match="small order"):
        load(record_stores=({"id": "57" * 16, "key": "01" + "00" * 31},))


def test_payload_that_would_not_load_is_not_signed(keys, fields):
    with pytest.raises(DecodingError, match="at extra"):
        SignedParameters.sign(json.dumps(fields | {"extra": 1}).encode(), keys.root)
    with pytest.raises(PointError):
        SignedParameters.sign(json.dumps(fields | one_key(fields, oprf="00" * 32)).encode(), keys.root)


def store(number):
    return {"id": f"{number:02x}" * 16, "key": OTHER.public_key.hex()}


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"deployment": "Test"}, "at deployment"),
        ({"deployment": ""}, "at deployment"),
        ({"label_profile": 3}, "at label_profile"),
        ({"label_profile": True}, "at label_profile"),
        ({"resolution_ms": 9}, "at resolution_ms"),
        ({"resolution_ms": 10.5}, "at resolution_ms"),
        ({"t_max_ms": -1}, "at t_max_ms"),
        ({"answer_time_sources": 1}, "at answer_time_sources"),
        ({"period_s": 0}, "at period_s"),
        ({"period_grace_s": 604_801}, "grace is longer than a period"),
        ({"not_before": NOW + 1000}, "validity is empty"),
        ({"not_after": 2**64}, "at not_after"),
        ({"keys": ()}, "at keys"),
        ({"record_stores": ()}, "at record_stores"),
        ({"record_stores": (store(1), store(1))}, "store is listed twice"),
        ({"registry_key": "00" * 31}, "at registry_key"),
        ({"registry_key": "AB" * 32}, "at registry_key"),
        ({"registry_key": None}, "at registry_key"),
        ({"unknown": 1}, "at unknown"),
    ],
)
def test_parameters_with_an_unacceptable_field_are_refused(fields, changes, fragment):
    with pytest.raises(DecodingError, match=fragment):
        PublicParameters.decode(json.dumps(fields | changes).encode())
    with pytest.raises(DecodingError, match=fragment):
        make_parameters(**(fields | changes))


@pytest.mark.parametrize(
    ("first", "second", "fragment"),
    [
        ((100, 201), (200, 300), "overlap"),
        ((200, 300), (100, 200), "ascending order"),
        ((100, 200), (100, 200), "overlap"),
        ((100, 100), (200, 300), "interval of epochs is empty"),
    ],
)
def test_intervals_that_overlap_or_are_out_of_order_are_refused(fields, first, second, fragment):
    pairs = tuple(
        entry | {"epoch_from": begin, "epoch_to": end}
        for entry, (begin, end) in zip(fields["keys"], (first, second), strict=True)
    )
    with pytest.raises(DecodingError, match=fragment):
        make_parameters(**(fields | {"keys": pairs}))


def test_pair_of_label_keys_listed_twice_is_refused(fields):
    first = fields["keys"][0]
    again = first | {"epoch_from": 500, "epoch_to": 600}
    with pytest.raises(DecodingError, match="listed twice"):
        make_parameters(**(fields | {"keys": (first, again)}))


def test_missing_field_is_named(fields):
    with pytest.raises(DecodingError, match="at submit_by_s"):
        PublicParameters.decode(
            json.dumps({name: value for name, value in fields.items() if name != "submit_by_s"}).encode()
        )


@pytest.mark.parametrize("epoch", [100, 150, 199])
def test_key_for_an_epoch_is_that_of_its_interval(parameters, epoch):
    assert parameters.key_for_epoch(epoch) == parameters.keys[0]
    assert parameters.key_for_epoch(epoch + 200) == parameters.keys[1]


@pytest.mark.parametrize(
    ("epoch", "fragment"),
    [
        (99, "from the beginning to epoch 100"),
        (200, "from epoch 200 to epoch 300"),
        (299, "from epoch 200 to epoch 300"),
        (400, "from epoch 400 on"),
    ],
)
def test_key_for_an_epoch_in_a_gap_is_refused_with_the_gap(parameters, epoch, fragment):
    with pytest.raises(InputError, match=fragment):
        parameters.key_for_epoch(epoch)


def test_identifiers_are_those_that_the_core_computes(parameters):
    for keys in parameters.keys:
        assert keys.kid == key_id(keys.oprf, keys.vk_t)
        assert parameters.keys_by_kid[keys.kid] is keys
    assert parameters.gpk_id == parameters.group.id
    assert LabelKey.generate().public_key not in {keys.oprf for keys in parameters.keys}


def test_rules_period_and_store_are_those_of_the_fields(fields):
    parameters = make_parameters(**(fields | {"label_profile": 2, "answer_time_sources": True}))
    assert parameters.rules == LabelRules(
        profile=LabelProfile.DST, ring_max_ms=60_000, answer_time_sources=True
    )
    assert parameters.audience("labels") == "test-1/labels"
    assert parameters.store(b"\x57" * 16).id == b"\x57" * 16
    with pytest.raises(InputError, match="no record store of this identifier"):
        parameters.store(bytes(16))


def test_period_before_the_current_one_is_accepted_within_its_grace(parameters):
    start = 10 * 604_800
    assert parameters.period_of(start) == 10
    assert parameters.accepted_periods(start - 0.5) == (9,)
    assert parameters.accepted_periods(start) == (10, 9)
    assert parameters.accepted_periods(start + 3599.9) == (10, 9)
    assert parameters.accepted_periods(start + 3600) == (10,)
    assert parameters.accepted_periods(0) == (0,)


def test_parameters_file_that_is_missing_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot read the public parameters"):
        SignedParameters.load(tmp_path / "none.json", "00" * 32, now=NOW)
