"""The key ceremony: public halves of all roles in, public parameters signed by the deployment root out.

What is signed is docs/protocol.md, section 7. The root sees public halves only; its own key belongs on a
machine without a network.
"""

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trunkline.errors import ConfigurationError
from trunkline.jager.deployment.key_material import PublicHalves
from trunkline.jager.messages.parameters import SignedParameters
from trunkline.service.keys import IdentityKey
from trunkline.telephony.call_details import LabelRules

DAY_S = 86_400
_ROLES = ("labels", "membership", "authorization", "accountability", "record-store", "registry")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a deployment's operators agree on, besides keys.

    Attributes:
        deployment: Its name: lower-case letters, digits and hyphens.
        rules: How labels are made and how wide a trace looks.
        submit_by_s: Records accepted later than this after their call are late.
        period_s: How long a credential lasts.
        period_grace_s: How long the period before the current one is still accepted.
        valid_days: How long the parameters are valid.
        epoch_days: For how many days before and after now the label keys are in force.
    """

    deployment: str
    rules: LabelRules = field(default_factory=LabelRules)
    submit_by_s: int = 7 * DAY_S
    period_s: int = 7 * DAY_S
    period_grace_s: int = DAY_S
    valid_days: int = 365
    epoch_days: int = 365


def parameters_payload(terms: Terms, halves: Sequence[PublicHalves], now: float | None = None) -> bytes:
    """Puts the public halves together into the payload that the root signs, as `parameter_fields` does."""
    return canonical_json(parameter_fields(terms, halves, now))


def parameter_fields(
    terms: Terms, halves: Sequence[PublicHalves], now: float | None = None
) -> dict[str, Any]:
    """Puts the public halves together into the fields of the parameters.

    Args:
        terms: What was agreed on.
        halves: The public halves; every role once, `record-store` at least once with its `id`.
        now: Unix time the validity starts from, the clock's by default.

    Raises:
        ConfigurationError: A role is missing or doubled, or the name is not acceptable.
    """
    if not _NAME.fullmatch(terms.deployment):
        raise ConfigurationError("a deployment's name has lower-case letters, digits and hyphens, at most 63")
    by_role: dict[str, list[PublicHalves]] = {role: [] for role in _ROLES}
    for one in halves:
        by_role.setdefault(str(one.get("role")), []).append(one)
    for role in _ROLES:
        found = len(by_role[role])
        if found == 0 or (found > 1 and role != "record-store"):
            raise ConfigurationError(
                f"the public halves of the role {role} are given {found} times, not once"
            )
    labels, membership, authorization, accountability = (by_role[role][0] for role in _ROLES[:4])
    start = int(time.time() if now is None else now)
    epoch_ms = terms.rules.resolution_ms
    return {
        "version": 1,
        "deployment": terms.deployment,
        # An hour back, for parties whose clocks are behind.
        "not_before": start - 3600,
        "not_after": start + terms.valid_days * DAY_S,
        "label_profile": int(terms.rules.profile),
        "resolution_ms": epoch_ms,
        "t_max_ms": terms.rules.t_max_ms,
        "ring_max_ms": terms.rules.ring_max_ms,
        "answer_time_sources": terms.rules.answer_time_sources,
        "submit_by_s": terms.submit_by_s,
        "period_s": terms.period_s,
        "period_grace_s": terms.period_grace_s,
        "keys": [
            {
                "oprf": labels["oprf"],
                "vk_t": authorization["vk_t"],
                "vk_t_possession": authorization["vk_t_possession"],
                "epoch_from": (start - terms.epoch_days * DAY_S) * 1000 // epoch_ms,
                "epoch_to": (start + terms.epoch_days * DAY_S) * 1000 // epoch_ms,
            },
        ],
        "group": {
            "w": membership["w"],
            "w_possession": membership["w_possession"],
            "y": accountability["y"],
            "y_possession": accountability["y_possession"],
        },
        "authorization_key": authorization["authorization_key"],
        "membership_key": membership["membership_key"],
        "accountability_key": accountability["accountability_key"],
        "registry_key": by_role["registry"][0]["registry_key"],
        "record_stores": [{"id": one["id"], "key": one["key"]} for one in by_role["record-store"]],
    }


def sign_parameters(payload: bytes, root: IdentityKey) -> bytes:
    """The signed document that everyone loads, checked as everyone will check it."""
    return SignedParameters.sign(payload, root).encode()


def canonical_json(value: Mapping[str, Any]) -> bytes:
    """UTF-8 JSON with sorted keys and no blanks; any bytes would do, these compare well."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
