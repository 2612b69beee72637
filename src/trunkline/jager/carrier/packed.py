"""Records that lie one behind the other, as they are sent and as the crypto core takes them."""

from trunkline.jager.messages.record import RECORD_SIZE


def split(records: bytes) -> list[bytes]:
    """Cut packed records into single ones of 714 bytes."""
    return [records[start : start + RECORD_SIZE] for start in range(0, len(records), RECORD_SIZE)]
