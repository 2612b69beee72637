"""Records: what carriers submit and the record store keeps (docs/protocol.md, section 4).

    body    = idx(32) ‖ ct1(128) ‖ ct2(76)
    message = 0x01 ‖ params hash(32) ‖ u32(period) ‖ gpk id(16) ‖ body
    record  = 0x01 ‖ 0x01 ‖ params ref(8) ‖ u32(period) ‖ body ‖ group signature(464)

A record's id is H("record", message, signature)[:16].
"""

from trunkline._core import record_ids, record_message

BODY_SIZE = 236
RECORD_SIZE = 714
SIGNATURE_SIZE = 464
HOP_SIZE = 60

__all__ = ["BODY_SIZE", "HOP_SIZE", "RECORD_SIZE", "SIGNATURE_SIZE", "record_ids", "record_message"]
