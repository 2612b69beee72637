"""What the accountability authority asks others for: label evaluations and the public join log."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from trunkline.crypto.oprf import LabelClient
from trunkline.errors import EvidenceError
from trunkline.jager.messages.accountability import TraceBundle, TracedLabel, Transcript
from trunkline.jager.messages.labels import LABEL_REQUEST_TYPE, LabelPart, LabelRequest, LabelResponse
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.jager.validation.evidence import call_details
from trunkline.jager.validation.join_register import JoinRegister
from trunkline.service.client import ServiceClient

_AT_A_TIME = 4

Evaluate = Callable[[TraceBundle], tuple[Transcript, ...]]


class LabelEvaluator:
    """Evaluates the labels of a bundle anew, as a client of the label authority.

    Each label is evaluated alone, so that its blind can go into the verdict and reveal no other input.

    Args:
        known: The public parameters.
        client: The label authority; requests are signed by this authority.
    """

    def __init__(self, known: ParameterSet, client: ServiceClient) -> None:
        self._known = known
        self._client = client

    def __call__(self, bundle: TraceBundle) -> tuple[Transcript, ...]:
        """Evaluate every label of the bundle's window.

        Raises:
            EvidenceError: A label of the bundle is not that of its call's details.
            UnavailableError: The label authority does not answer.
            ProofError: It answers without proof.
        """
        parameters = self._known.up_to(bundle.params_hash, "the trace").current
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return tuple(pool.map(lambda label: self._evaluate(bundle, label, parameters), bundle.labels))

    def _evaluate(self, bundle: TraceBundle, label: TracedLabel, parameters: PublicParameters) -> Transcript:
        oprf = parameters.keys_by_kid[label.kid].oprf
        details = call_details(bundle, parameters, label.epoch)
        blinding = LabelClient(oprf).blind_batch([details])
        request = LabelRequest((LabelPart(label.kid, blinding.elements),))
        answer = LabelResponse.decode(
            self._client.post("/v1/labels", request.encode(), LABEL_REQUEST_TYPE).content
        )
        answer.check_answers(request)
        part = answer.parts[0]
        if blinding.finalize(part.elements, part.proof) != label.label:
            raise EvidenceError("a label of the trace is not the label of its call's details")
        return Transcript(
            epoch=label.epoch, blind=blinding.reveal_blind(0), evaluated=part.elements, proof=part.proof
        )


class JoinLogReader:
    """Keeps a checked copy of the join log up to date. Safe to use from several threads."""

    def __init__(self, known: ParameterSet, client: ServiceClient) -> None:
        self._register = JoinRegister(known)
        self._client = client
        self.lock = threading.Lock()

    def current(self) -> JoinRegister:
        """Read the log on and return the copy; to be called, and the copy to be used, under `lock`.

        Raises:
            UnavailableError: The membership authority does not answer.
            EvidenceError: The log is not what its signed head says.
        """
        self._register.read_on(lambda path, query: self._client.get(path, query).content)
        return self._register
