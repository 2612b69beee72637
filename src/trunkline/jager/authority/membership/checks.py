"""What a join request must prove: no input or output, no clock."""

from trunkline.crypto.group_signature import verify_join
from trunkline.errors import AuthenticationError, PolicyError
from trunkline.jager.messages.membership import JoinRequest
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.telephony.providers import ProviderId


def check_join_request(
    request: JoinRequest, *, sender: ProviderId, sender_key: bytes, params_hash: bytes
) -> None:
    """Check a join request on its own.

    The nonce, and what is registered already, are checked by who keeps them. The checks, in this order:
        1. The carrier is the sender of the HTTP request.
        2. Its identity key is the one that the registry certifies, outside of this authority.
        3. That key has signed the request, for these public parameters.
        4. S is strict, and the carrier knows its secret: the proof is for this nonce, carrier and key, so
           a copied proof or an S of somebody else is of no use.

    Args:
        request: The request.
        sender: Who signed the HTTP request.
        sender_key: The sender's key in the registry.
        params_hash: Hash of the public parameters.

    Raises:
        AuthenticationError: Check 1 or 2 fails.
        SignatureError: Check 3 fails.
        PointError: S is off the curve or the subgroup, or the identity.
        ProofError: The proof does not verify.
    """
    # 1.
    if request.carrier_id != sender:
        raise AuthenticationError("a carrier joins for itself only: the request names another carrier")
    # 2.
    if request.identity_key != sender_key:
        raise AuthenticationError("the request names another identity key than the registry does")
    # 3.
    request.verify(params_hash)
    # 4.
    verify_join(
        params_hash,
        request.nonce,
        request.carrier_id.value,
        request.identity_key,
        request.s_point,
        request.proof,
    )


def check_renewal_period(period: int, parameters: PublicParameters, now: float) -> None:
    """Check that a credential is asked for a period that may be asked for: the current one or the next.

    Raises:
        PolicyError: It is another period.
    """
    current = parameters.period_of(now)
    if period not in (current, current + 1):
        raise PolicyError(f"credentials are issued for the periods {current} and {current + 1} only")
