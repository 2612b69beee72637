"""The authorization keys: signatures on labels, the witnesses for decryption. No input or output."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from trunkline.crypto.label_signature import AuthorizationKey
from trunkline.errors import ConfigurationError
from trunkline.jager.messages.authorization import LABEL_SIGNATURE_SIZE, KeyedLabel
from trunkline.jager.messages.parameters import PublicParameters


class LabelSigner:
    """The authorization keys of one deployment, by kid."""

    def __init__(self, keys: Iterable[AuthorizationKey], parameters: PublicParameters) -> None:
        """Match keys with the public parameters.

        Raises:
            ConfigurationError: A key is none of the parameters'.
        """
        kids: dict[bytes, list[bytes]] = defaultdict(list)
        for kid, entry in parameters.keys_by_kid.items():
            kids[entry.vk_t].append(kid)
        self._keys: dict[bytes, AuthorizationKey] = {}
        for key in keys:
            if key.public_key not in kids:
                raise ConfigurationError(
                    "an authorization key is none of the public parameters': it belongs to another deployment"
                )
            self._keys |= dict.fromkeys(kids[key.public_key], key)

    @property
    def kids(self) -> Collection[bytes]:
        """The kids that are served."""
        return self._keys.keys()

    def sign(self, labels: Sequence[KeyedLabel]) -> bytes:
        """Sign labels, one batch for each kid; the signatures are joined in the labels' order."""
        places: dict[bytes, list[int]] = defaultdict(list)
        for place, keyed in enumerate(labels):
            places[keyed.kid].append(place)
        signatures = [b""] * len(labels)
        for kid, of_kid in places.items():
            packed = self._keys[kid].sign_batch(kid, b"".join(labels[place].label for place in of_kid))
            for number, place in enumerate(of_kid):
                start = number * LABEL_SIGNATURE_SIZE
                signatures[place] = packed[start : start + LABEL_SIGNATURE_SIZE]
        return b"".join(signatures)
