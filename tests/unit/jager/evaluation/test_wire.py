"""Sizes of messages on the wire."""

from trunkline.jager.evaluation.wire import (
    contribution_exchange,
    label_exchange,
    measure_handshake,
    trace_bytes,
)


def test_label_exchange_grows_by_an_element_for_each_label():
    one, many = label_exchange(1), label_exchange(101)
    assert 3_200 <= many.up - one.up < 3_300
    assert 3_200 <= many.down - one.down < 3_300


def test_label_exchange_has_headers_signature_and_proof_on_top():
    one = label_exchange(1)
    # A request signed by RFC 9421 has some 700 bytes of headers.
    assert 500 < one.up < 1_500
    assert 64 + 32 < one.down < 500


def test_contribution_has_records_receipt_and_a_handshake_of_its_own():
    contribution = contribution_exchange(32)
    handshake = measure_handshake(2).size
    assert contribution.up > 32 * 714 + handshake.up
    assert contribution.down > 32 * 52 + handshake.down * 0.9
    assert contribution.up < 32 * 714 + handshake.up + 1_000


def test_handshake_costs_both_sides_processor_time():
    handshake = measure_handshake(2)
    assert handshake.client_us > 0
    assert handshake.server_us > 0


def test_trace_bytes_grow_with_labels_and_records():
    # A label: key id and label, witness, idx, idx with a count. A record: its hour and 714 bytes.
    assert trace_bytes(22, 5) - trace_bytes(21, 5) == 80 + 48 + 32 + 36
    assert trace_bytes(21, 6) - trace_bytes(21, 5) == 718
