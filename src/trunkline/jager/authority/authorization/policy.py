"""Which authorization requests are allowed: no input or output, no keys."""

from collections.abc import Collection

from trunkline.errors import AuthenticationError, InputError, PolicyError
from trunkline.jager.messages.authorization import AuthorizationRequest
from trunkline.jager.messages.parameters import PublicParameters
from trunkline.telephony.call_details import LabelProfile, LabelRules
from trunkline.telephony.providers import ProviderId


def largest_window(rules: LabelRules, tolerance_ms: int) -> int:
    """Return how many epochs the largest window of a trace has, docs/protocol.md, section 3.

    The authority does not learn which call is traced, so it allows for the widest case: that the tracer's
    own time is an answer time.
    """
    after_ms = rules.ring_max_ms if rules.answer_time_sources else 0
    length_ms = rules.t_max_ms + rules.ring_max_ms + rules.t_max_ms + after_ms + 2 * tolerance_ms
    # Both ends are included, and the window begins anywhere within an epoch.
    return -(-length_ms // rules.resolution_ms) + 1


def check_policy(
    request: AuthorizationRequest,
    *,
    sender: ProviderId,
    parameters: PublicParameters,
    kids_served: Collection[bytes],
    tolerance_ms: int,
) -> None:
    """Check a request against the policy.

    That the sender is registered and active has been checked with its HTTP signature; its quota is checked
    where it is counted. That labels have 64 bytes and are distinct is seen when the request is decoded. The
    checks, in this order:
        1. The request is for these public parameters.
        2. The requester is the sender.
        3. The record store is one of the deployment's.
        4. Every kid is known and served.
        5. The labels are no more than one window has.
        6. Where the labels have several kids, one window reaches over the epochs of all of them.

    Args:
        request: The decoded request.
        sender: Who signed the HTTP request.
        parameters: The public parameters.
        kids_served: The kids whose keys this authority holds.
        tolerance_ms: The most that a window may be widened by at both ends.

    Raises:
        AuthenticationError: Check 2 fails.
        InputError: Check 1, 3 or 4 fails.
        PolicyError: Check 5 or 6 fails.
    """
    # 1.
    if request.params_hash != parameters.hash:
        raise InputError("the request is for other public parameters: get the current ones")
    # 2.
    if request.requester_id != sender:
        raise AuthenticationError("the request names another requester than the one that signed it")
    # 3.
    parameters.store(request.store_id)
    # 4.
    kids = {keyed.kid for keyed in request.labels}
    if not all(kid in kids_served for kid in kids):
        raise InputError("a label key is not, or no longer, served here: get the current parameters")
    # 5.
    window = largest_window(parameters.rules, tolerance_ms)
    if len(request.labels) > window:
        raise PolicyError(
            f"{len(request.labels)} labels are more than the {window} that one window has: "
            "trace one call at a time"
        )
    # 6.
    intervals = [parameters.keys_by_kid[kid] for kid in kids]
    first_end = min(keys.epoch_to for keys in intervals)
    last_begin = max(keys.epoch_from for keys in intervals)
    # A window over both has the last epoch of the one, the first of the other, and all between them.
    if len(kids) > 1 and last_begin - first_end + 2 > window:
        raise PolicyError("the labels are under keys whose intervals no one window reaches")


def needs_person(parameters: PublicParameters, approval: str) -> bool:
    """Tell whether a person has to approve: as configured, and always under the label profile `dst`."""
    return approval == "human" or parameters.rules.profile is LabelProfile.DST
