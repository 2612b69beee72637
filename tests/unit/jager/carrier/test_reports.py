"""Reports and disavowals: what is sent, and whose verdict is believed."""

import pytest
from carrier_http import HttpDeployment
from carrier_miniature import SELF

from trunkline.errors import DecodingError, EvidenceError, SignatureError
from trunkline.jager.carrier.reports import send_disavowal, send_report
from trunkline.jager.messages.accountability import (
    Case,
    Disavowal,
    PartyField,
    Report,
    TraceBundle,
    TracedCall,
    TracedLabel,
)
from trunkline.jager.messages.authorization import case_commitment, details_commitment
from trunkline.jager.messages.signed_document import SignedDocument
from trunkline.telephony.call_details import LabelProfile
from trunkline.telephony.numbers import Party, PartyKind

ALICE = Party(PartyKind.E164, "+12025550101")
BOB = Party(PartyKind.E164, "+12025550202")

pytestmark = pytest.mark.network


@pytest.fixture
def deployment(miniature, tmp_path):
    deployment = HttpDeployment(miniature, tmp_path)
    yield deployment
    deployment.close()


@pytest.fixture
def bundle(miniature):
    return TraceBundle(
        params_hash=miniature.parameters.hash,
        call=TracedCall(
            src=PartyField.of(ALICE),
            dst=PartyField.of(BOB),
            time_ms=1_700_000_000_000,
            own_time_is_answer=True,
            tolerance_ms=5,
            salt=b"d" * 32,
        ),
        case=Case(text="case 7", salt=b"c" * 32),
        own=None,
        labels=(TracedLabel(epoch=1, kid=b"k" * 16, label=b"l" * 64, signature=b"s" * 48),),
        grant=b"g" * 258,
        pages=(b"p",),
    )


def _answer(deployment, path, key, seen):
    def answer(body):
        seen.append(body)
        return SignedDocument.sign(b'{"verdict": 1}', key, "verdict").encode()

    deployment.more[path] = answer


@pytest.mark.parametrize("enforcement", [True, False])
def test_report_has_the_whole_bundle_and_gives_the_verdict(deployment, keys, bundle, enforcement):
    seen = []
    _answer(deployment, "/v1/reports", keys.other, seen)
    verdict = send_report(deployment.config, bundle, enforcement=enforcement)
    assert verdict.payload == b'{"verdict": 1}'
    assert Report.decode(seen[0]) == Report(bundle=bundle, enforcement=enforcement)
    headers = {name.lower() for name in deployment.headers[-1][1]}
    assert {"signature", "signature-input", "content-digest"} <= headers


def test_disavowal_is_signed_by_the_carrier_for_this_call_and_case(deployment, keys, bundle, miniature):
    seen = []
    _answer(deployment, "/v1/disavowals", keys.other, seen)
    send_disavowal(deployment.config, bundle)
    disavowal = Disavowal.decode(seen[0])
    statement = disavowal.statement
    statement.verify(keys.carrier.public_key, miniature.parameters.hash)
    assert statement.provider == SELF
    assert disavowal.bundle == bundle
    assert statement.case_commitment == case_commitment(b"c" * 32, "case 7")
    assert statement.details_commitment == details_commitment(
        b"d" * 32,
        ALICE,
        BOB,
        time_ms=1_700_000_000_000,
        profile=LabelProfile.SRC_DST,
        own_time_is_answer=True,
        tolerance_ms=5,
    )


def test_verdict_by_another_key_is_refused(deployment, keys, bundle):
    _answer(deployment, "/v1/reports", keys.store, [])
    with pytest.raises(EvidenceError, match="accountability authority"):
        send_report(deployment.config, bundle)


def test_verdict_with_a_wrong_signature_is_refused(deployment, keys, bundle):
    document = SignedDocument.sign(b"{}", keys.other, "verdict")
    forged = SignedDocument(b'{"verdict": 2}', document.signature, document.key).encode()
    deployment.more["/v1/reports"] = lambda _body: forged
    with pytest.raises(SignatureError, match="verdict"):
        send_report(deployment.config, bundle)


def test_answer_that_is_no_verdict_is_a_typed_error(deployment, bundle):
    deployment.more["/v1/reports"] = lambda _body: b"[]"
    with pytest.raises(DecodingError):
        send_report(deployment.config, bundle)
