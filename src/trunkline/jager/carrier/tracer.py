"""Traces one call: window, labels, authorization, retrieval, evidence, validation (docs/protocol.md, 9).

Who learns what: the label authority nothing that it does not see every interval anyway; the authorization
authority who asks, the labels, and commitments; the record store who asks, and the records it gives out.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from trunkline.crypto.label_signature import verify_label_signatures
from trunkline.errors import EvidenceError, InputError, PolicyError, UnavailableError
from trunkline.jager.carrier.join_log import JoinLog
from trunkline.jager.carrier.label_schedule import LabelInput, LabelSchedule
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.messages.authorization import (
    AUTHORIZATION_REQUEST_TYPE,
    LABEL_SIGNATURE_SIZE,
    LABELS_LIMIT,
    SALT_SIZE,
    AuthorizationRequest,
    AuthorizationResponse,
    Grant,
    KeyedLabel,
    case_commitment,
    details_commitment,
    idx_digest,
)
from trunkline.jager.messages.codec import H
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.messages.retrieval import (
    NEW_ANSWER,
    RETRIEVAL_REQUEST_TYPE,
    RetrievalPage,
    RetrievalRequest,
)
from trunkline.service.client import Answer, ServiceClient
from trunkline.service.keys import IdentityKey
from trunkline.telephony.call_details import encode_call_details, window
from trunkline.telephony.providers import ProviderId

LABEL_TIMEOUT_S = 120.0
PAGES_LIMIT = 1_000
_FIRST_LOOK_S = 0.5
_LONGEST_LOOK_S = 15.0
_PENDING = 202

_logger = structlog.get_logger(__name__)
