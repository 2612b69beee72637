"""Gathers what a trace needs from the services: labels, witnesses and a grant, and the signed result.

Who learns what: the label authority nothing that it does not see every interval anyway; the authorization
authority who asks, the labels, and commitments; the record store who asks, and the records it gives out.
"""

import time
from collections.abc import Callable

from trunkline.errors import EvidenceError, InputError, PolicyError, UnavailableError
from trunkline.jager.carrier.label_schedule import LabelInput, LabelSchedule
from trunkline.jager.carrier.trace_query import TraceQuery
from trunkline.jager.messages.accountability import (
    Case,
    OwnRecordField,
    PartyField,
    TraceBundle,
    TracedCall,
    TracedLabel,
)
from trunkline.jager.messages.authorization import (
    AUTHORIZATION_REQUEST_TYPE,
    LABEL_SIGNATURE_SIZE,
    LABELS_LIMIT,
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

Progress = Callable[[str], None]


class Acquisition:
    """Asks the services on behalf of one carrier. Safe to use from several threads.

    Args:
        parameters: The public parameters.
        identity: The carrier's identity key.
        provider: The carrier.
        store_id: The record store.
        schedule: Labels.
        authorization: The authorization authority, signed requests.
        retrieval: The record store, signed requests.
        clock: Unix time.
        pause: Waits some seconds between two looks at an authorization that a person must approve.
    """

    def __init__(
        self,
        parameters: PublicParameters,
        *,
        identity: IdentityKey,
        provider: ProviderId,
        store_id: bytes,
        schedule: LabelSchedule,
        authorization: ServiceClient,
        retrieval: ServiceClient,
        clock: Callable[[], float],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._parameters = parameters
        self._identity = identity
        self._provider = provider
        self._store_id = store_id
        self._schedule = schedule
        self._authorization = authorization
        self._retrieval = retrieval
        self._clock = clock
        self._pause = pause

    def acquire(self, query: TraceQuery, progress: Progress) -> TraceBundle:
        """Ask for everything that the evidence of one trace consists of.

        1. The window's epochs, the key id of each, the labels.
        2. Authorization: commitments and labels; the grant is checked against the request.
        3. Retrieval of all pages.

        Label signatures and pages are not checked here; `validation.evidence.examine` does, for everybody.

        Raises:
            InputError: The window is larger than one authorization may be, or outside all label keys.
            PolicyError: The authorization is refused, or waits for a person's approval.
            TrunklineError: A service is not available or answered wrongly.
        """
        # 1.
        rules = self._parameters.rules
        epochs = tuple(
            window(
                query.time_ms * 1000,
                own_time_is_answer=query.own_time_is_answer,
                rules=rules,
                tolerance_ms=query.tolerance_ms,
            )
        )
        if len(epochs) > LABELS_LIMIT:
            raise InputError(f"the window has more than {LABELS_LIMIT} epochs: lower the tolerance")
        details = tuple(encode_call_details(rules, query.src, query.dst, epoch) for epoch in epochs)
        progress("labels")
        labels = self._labels(epochs, details)
        # 2.
        progress("authorization")
        details_salt, case_salt = self._salts(query)
        request = AuthorizationRequest(
            self._parameters.hash,
            self._provider,
            self._store_id,
            details_commitment(
                details_salt,
                query.src,
                query.dst,
                time_ms=query.time_ms,
                profile=rules.profile,
                own_time_is_answer=query.own_time_is_answer,
                tolerance_ms=query.tolerance_ms,
            ),
            case_commitment(case_salt, query.case),
            labels,
        )
        response = self._authorize(request, query.approval_wait_s, progress)
        self._check_grant(response, request)
        # 3.
        progress("retrieval")
        pages = self._retrieve(response.grant, labels)
        return TraceBundle(
            params_hash=self._parameters.hash,
            call=TracedCall(
                src=PartyField.of(query.src),
                dst=PartyField.of(query.dst),
                time_ms=query.time_ms,
                own_time_is_answer=query.own_time_is_answer,
                tolerance_ms=query.tolerance_ms,
                salt=details_salt,
            ),
            case=Case(text=query.case, salt=case_salt),
            own=_own(query),
            labels=_traced(epochs, labels, response.signatures),
            grant=response.grant.encode(),
            pages=pages,
        )

    def _labels(self, epochs: tuple[int, ...], details: tuple[bytes, ...]) -> tuple[KeyedLabel, ...]:
        kids = [self._schedule.live_kid(epoch) for epoch in epochs]
        inputs = [LabelInput(kid, one) for kid, one in zip(kids, details, strict=True)]
        try:
            labels = self._schedule.submit(inputs, trace=True).result(LABEL_TIMEOUT_S)
        except TimeoutError as error:
            raise UnavailableError("the labels did not come in time; try again later") from error
        return tuple(KeyedLabel(item.kid, label) for item, label in zip(inputs, labels, strict=True))

    def _salts(self, query: TraceQuery) -> tuple[bytes, bytes]:
        """Salts that nobody else can compute, and that are the same when the same trace is repeated.

        So a trace that was cut short, or waited for approval, is the same request when it is made again,
        and no state has to be kept for it.
        """
        src, dst = query.src.text.encode(), query.dst.text.encode()
        rule = f"{query.time_ms} {query.own_time_is_answer} {query.tolerance_ms}".encode()
        secret = self._identity.sign("trace-salt", H("trace-salt", src, dst, rule, query.case.encode()))
        return H("details-salt", secret), H("case-salt", secret)

    def _authorize(
        self, request: AuthorizationRequest, wait_s: float, progress: Progress
    ) -> AuthorizationResponse:
        answer = self._authorization.post("/v1/authorizations", request.encode(), AUTHORIZATION_REQUEST_TYPE)
        look_s, waited_s = _FIRST_LOOK_S, 0.0
        while answer.status == _PENDING:
            identifier = _pending_id(answer)
            if waited_s + look_s > wait_s:
                raise PolicyError(
                    f"authorization {identifier} waits for a person's approval; repeat the trace afterwards"
                )
            progress("waits for approval")
            self._pause(look_s)
            waited_s += look_s
            look_s = min(2 * look_s, _LONGEST_LOOK_S)
            answer = self._authorization.get(f"/v1/authorizations/{identifier}")
        return AuthorizationResponse.decode(answer.content)

    def _check_grant(self, response: AuthorizationResponse, request: AuthorizationRequest) -> None:
        grant = response.grant
        grant.verify(self._parameters.authorization_key)
        expected = (
            request.params_hash,
            request.store_id,
            request.requester_id,
            self._identity.public_key,
            idx_digest(label.idx for label in request.labels),
            request.case_commitment,
        )
        found = (
            grant.params_hash,
            grant.store_id,
            grant.requester_id,
            grant.requester_key,
            grant.idx_digest,
            grant.case_commitment,
        )
        if found != expected:
            raise EvidenceError("the grant is not for what was asked; report it to the deployment's operator")
        if response.count != len(request.labels):
            raise EvidenceError("the authorization has another number of label signatures than labels")
        if grant.expiry <= self._clock():
            raise EvidenceError("the grant has expired already: compare this machine's clock")

    def _retrieve(self, grant: Grant, labels: tuple[KeyedLabel, ...]) -> tuple[bytes, ...]:
        indices = tuple(sorted({label.idx for label in labels}))
        pages = [self._page(RetrievalRequest(grant, NEW_ANSWER, 0, indices))]
        first = RetrievalPage.decode(pages[0])
        if first.pages > PAGES_LIMIT:
            raise EvidenceError(f"the store answers with more than {PAGES_LIMIT} pages: lower the tolerance")
        rest = (
            self._page(RetrievalRequest(grant, first.answer_id, number, indices))
            for number in range(1, first.pages)
        )
        return (*pages, *rest)

    def _page(self, request: RetrievalRequest) -> bytes:
        return self._retrieval.post("/v1/retrievals", request.encode(), RETRIEVAL_REQUEST_TYPE).content


def _own(query: TraceQuery) -> OwnRecordField | None:
    return None if query.own is None else OwnRecordField(hop=query.own.hop.encode(), epoch=query.own.epoch)


def _traced(
    epochs: tuple[int, ...], labels: tuple[KeyedLabel, ...], signatures: bytes
) -> tuple[TracedLabel, ...]:
    size = LABEL_SIGNATURE_SIZE
    return tuple(
        TracedLabel(
            epoch=epoch,
            kid=label.kid,
            label=label.label,
            signature=signatures[place * size : (place + 1) * size],
        )
        for place, (epoch, label) in enumerate(zip(epochs, labels, strict=True))
    )


def _pending_id(answer: Answer) -> str:
    identifier = str(answer.json().get("id"))
    if not identifier.isalnum() or len(identifier) > 64:
        raise EvidenceError("the authorization authority's answer has no usable identifier")
    return identifier
