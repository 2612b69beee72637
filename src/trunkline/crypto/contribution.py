"""Making records: `Contributor` encrypts hops and signs the bodies in one parallel pass.

Its bytes are those of `Encryptor.encrypt_batch` followed by `Signer.seal_batch`.
"""

from trunkline._core import Contributor

__all__ = ["Contributor"]
