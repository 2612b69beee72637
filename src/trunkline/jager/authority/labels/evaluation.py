"""Evaluating label requests: no input or output, and no knowledge of who asks."""

from collections.abc import Iterable

from trunkline.crypto.oprf import LabelKey
from trunkline.errors import ConfigurationError, InputError
from trunkline.jager.messages.labels import EvaluatedPart, LabelRequest, LabelResponse
from trunkline.jager.messages.parameters import PublicParameters


class LabelEvaluator:
    """The label keys of one deployment, by kid."""

    def __init__(self, keys: Iterable[LabelKey], parameters: PublicParameters) -> None:
        """Match keys with the public parameters.

        Raises:
            ConfigurationError: A key is none of the parameters'.
        """
        kids = {entry.oprf: kid for kid, entry in parameters.keys_by_kid.items()}
        self._keys: dict[bytes, LabelKey] = {}
        for key in keys:
            if key.public_key not in kids:
                raise ConfigurationError(
                    "a label key is none of the public parameters': it belongs to another deployment"
                )
            self._keys[kids[key.public_key]] = key

    def check(self, request: LabelRequest) -> None:
        """Check that every key that a request names is here, before anything is counted or computed.

        Raises:
            InputError: One is not.
        """
        if not all(part.kid in self._keys for part in request.parts):
            raise InputError("a label key is not, or no longer, served here: get the current parameters")

    def evaluate(self, request: LabelRequest) -> LabelResponse:
        """Evaluate all elements, with one proof for each key.

        Raises:
            InputError: A key is not here.
            PointError: An element is not canonical or the identity; the message names its index.
        """
        self.check(request)
        return LabelResponse(
            tuple(
                EvaluatedPart(part.kid, *self._keys[part.kid].evaluate_batch(part.elements))
                for part in request.parts
            )
        )
