"""The published prototype, measured by us before this project began, beside a plain pairing.

Machine: 2 cores, virtual, shared with others, November 2026; a plain pairing with blst took 471 microseconds
there. Times are the lowest mean of 8 rounds of 1,000 runs.
"""

from trunkline.jager.evaluation.pairing import REFERENCE_PAIRING_US

MACHINE = (
    "2 cores, virtual and shared, November 2026; "
    f"a plain pairing with blst takes {REFERENCE_PAIRING_US:.0f} µs there"
)

TASKS_MS = {
    "label_generation": 0.041,
    "contribution": 2.63,
    "authorization": 0.25,
    "decryption": 0.60,
    "open": 0.92,
    "verify_group_signature": 1.56,
}
"""Milliseconds of the tasks of the paper's Table 3: contributions without their label, opening among 7,000
members, verification of a real record."""

CONTRIBUTION_WITH_LABEL_MS = 2.82
OPEN_AMONG_FEW_MS = 0.10
VERIFY_SHORT_MESSAGE_MS = 1.38

SUBMISSION_BYTES = 2_023
"""As it sends them; the paper says 1,900."""
