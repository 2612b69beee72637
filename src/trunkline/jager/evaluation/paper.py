"""What the paper states: its Tables 2 and 3, the text around them, and where each figure stands.

Pages are those of the paper itself, from 1.
"""

from dataclasses import dataclass

TASKS = {
    "label_generation": "Label generation",
    "contribution": "Contribution",
    "authorization": "Authorization",
    "decryption": "Decryption",
    "open": "Open",
    "verify_group_signature": "Verify group signature",
}
"""The tasks of Table 3, in its order."""

COMPONENTS = {
    "label_generation": "Traceback authority: label generation",
    "group_management": "Traceback authority: group management",
    "trace_authorization": "Traceback authority: trace authorization",
    "process_submissions": "Record store: process submissions",
    "contribution": "All carriers: contribution",
}
"""The components of Table 2, in its order."""

TABLE_2_SOURCE = "Table 2, section 7, p. 12"
TABLE_3_SOURCE = "Table 3, section 7, p. 12"
FIGURE_7_SOURCE = "Figure 7 and section 7.1, p. 13"


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one task over many runs.

    Attributes:
        mean: Of all runs.
        low: The fastest run.
        high: The slowest run.
        deviation: Standard deviation over the runs.
    """

    mean: float
    low: float
    high: float
    deviation: float


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one component needs at least.

    Attributes:
        vcpu: Virtual processors.
        mbps: Megabits a second.
    """

    vcpu: float
    mbps: float


@dataclass(frozen=True, slots=True)
class Stated:
    """A figure of the paper's text.

    Attributes:
        value: The figure.
        unit: Its unit.
        source: Section and page.
    """

    value: float
    unit: str
    source: str


TABLE_2 = {
    "label_generation": Requirement(4, 25),
    "group_management": Requirement(1, 20),
    "trace_authorization": Requirement(1, 10),
    "process_submissions": Requirement(257, 800),
    "contribution": Requirement(208, 800),
}

TABLE_3_RUNS = 1_000
TABLE_3 = {
    "label_generation": Timing(0.073, 0.066, 0.166, 0.007),
    "contribution": Timing(4.143, 3.708, 5.980, 0.173),
    "authorization": Timing(0.419, 0.376, 0.615, 0.023),
    "decryption": Timing(0.847, 0.780, 1.064, 0.039),
    "open": Timing(0.147, 0.134, 2.865, 0.009),
    "verify_group_signature": Timing(2.310, 2.118, 2.865, 0.098),
}

CALLS_PER_SECOND = Stated(10_000, "calls/s", "section 7, p. 12")
HOPS = Stated(5, "records a call", "section 7.1, p. 12")
RECORDS_PER_SECOND = Stated(50_000, "records/s", "section 7.1, p. 13")
LABEL_BYTES = Stated(32, "bytes, each way", "section 7.1, p. 12")
HTTP_OVERHEAD_BYTES = Stated(652, "bytes a request", "section 7.1, p. 12")
RECORD_BYTES = Stated(1_900, "bytes", "section 7.1, p. 13")
CONTRIBUTIONS_PER_VCPU = Stated(241, "records/s", "section 7.1, p. 13")
VERIFICATIONS_PER_VCPU = Stated(432, "records/s", "section 7.1, p. 13")
VERIFICATION_VCPUS = Stated(24, "vCPU", "section 7.1, p. 13")
INSERT_MS = Stated(24.28, "ms", "section 7.1, p. 13")
INSERT_MS_AGAIN = Stated(23.28, "ms", "section 7.1, p. 13")
INSERT_SD_MS = Stated(1.681, "ms", "section 7.1, p. 13")
INSERTS_PER_VCPU = Stated(43, "records/s", "section 7.1, p. 13")
INSERT_VCPUS = Stated(233, "vCPU", "section 7.1, p. 13")
STORAGE_TB_PER_DAY = Stated(1.5, "TB/day", "section 7.1, p. 13")
STORAGE_COST_PER_DAY = Stated(100, "$/day", "section 7.1, p. 13")
T_MAX_S = Stated(10, "s", "section 7.2, p. 13")
TRACE_LABELS = Stated(21, "labels", "section 7.2, p. 13")
EPOCH_MS = Stated(10, "ms: an epoch is a centisecond", "section 5.2, p. 8")
TRACE_SECONDS = Stated(0.75, "s", "section 7.2, p. 13")
TRACES_PER_MONTH = Stated(3.5e6, "traces a month", "section 7.2, p. 13")
TRACE_FACTOR = Stated(11_520, "times today's", "section 7.2, p. 13")
TRACES_TODAY = Stated(300, "traces a month", "section 7.2, p. 14")
VALIDATE_MS = Stated(0.052, "ms", "section 7.1, p. 13")
