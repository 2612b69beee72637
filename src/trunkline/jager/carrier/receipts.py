"""What a receipt must prove before a record counts as delivered."""

from trunkline.crypto.record import record_ids
from trunkline.errors import EvidenceError
from trunkline.jager.carrier.outbox import SealedBatch, Settlement
from trunkline.jager.carrier.packed import split
from trunkline.jager.carrier.record_maker import RecordMaker
from trunkline.jager.messages.contribution import Receipt, RejectReason
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.record import RECORD_ID_SIZE, Record

_CURABLE = frozenset({RejectReason.PARAMS, RejectReason.PERIOD})


def settle(
    receipt: Receipt,
    batch: SealedBatch,
    *,
    parameters: PublicParameters,
    store_id: bytes,
    maker: RecordMaker,
    again_at: float,
) -> Settlement:
    """Check a receipt for a batch and say what becomes of each record.

    1. The signature is the store's, the receipt for these parameters and this store.
    2. Each record is acknowledged under its idx and record id, or refused with a reason; none is left out.
    3. Refused records are signed again if their period or parameters are the reason, else quarantined;
       refused dummies are dropped.

    Args:
        receipt: The decoded receipt.
        batch: What was sent.
        parameters: The public parameters.
        store_id: The store's id in them.
        maker: Signs again.
        again_at: When records that were signed again are due.

    Raises:
        SignatureError: Step 1, the signature.
        EvidenceError: Step 1 or 2; the batch must be sent again.
    """
    receipt.verify(parameters.store(store_id).key)
    if receipt.params_hash != parameters.hash or receipt.store_id != store_id:
        raise EvidenceError("the receipt is for other parameters or another record store")

    records = split(batch.records)
    refused = dict(receipt.rejected)
    if any(index >= len(records) for index in refused):
        raise EvidenceError("the receipt refuses records that were not in the batch")
    acknowledged = {(key.idx, key.id) for key in receipt.keys}
    ids = record_ids(parameters.hash, parameters.group.id, batch.records)
    expected = {
        (Record(record).idx, ids[number * RECORD_ID_SIZE : (number + 1) * RECORD_ID_SIZE])
        for number, record in enumerate(records)
        if number not in refused
    }
    if acknowledged != expected:
        raise EvidenceError("the receipt does not name exactly the records that were sent")

    real = [number for number, dummy in enumerate(batch.dummies) if not dummy]
    curable = b"".join(records[number] for number in real if refused.get(number) in _CURABLE)
    quarantined = tuple(
        (records[number], int(refused[number]))
        for number in real
        if number in refused and refused[number] not in _CURABLE
    )
    return Settlement(
        acknowledged=sum(number not in refused for number in real),
        again=maker.sign_again(curable) if curable else b"",
        again_at=again_at,
        quarantined=quarantined,
    )
