"""Public parameters that succeed others: what stays, and when new label keys come into force.

A kid, a pair of label keys, is in force for an interval of call epochs. New keys join the list where the
interval before them ends, so every call has one kid, in the new parameters as in the old, and a trace whose
window lies across the boundary asks under both.
"""

import time
from collections.abc import Sequence
from typing import Any

from trunkline.errors import ConfigurationError
from trunkline.jager.deployment.ceremony import DAY_S, Terms, canonical_json, parameter_fields
from trunkline.jager.deployment.key_material import PublicHalves
from trunkline.jager.messages.parameters import LabelKeys, PublicParameters


def succeeding_payload(
    terms: Terms,
    halves: Sequence[PublicHalves],
    previous: PublicParameters,
    *,
    switch_at: float | None = None,
    now: float | None = None,
) -> bytes:
    """Makes the payload of parameters that succeed others.

    Args:
        terms: What is agreed on now.
        halves: The public halves of the roles with new keys; the others keep theirs.
        previous: The parameters in force.
        switch_at: Unix time from which calls are filed under the new label keys; where the interval of the
            last keys ends, if not given. By then every carrier must have the new parameters: what is filed
            under the old keys for later calls is found by no trace.
        now: Unix time the validity starts from, the clock's by default.

    Raises:
        ConfigurationError: The terms or the halves do not fit the previous parameters, or the switch is in
            the past or outside the interval of the last keys.
    """
    start = time.time() if now is None else now
    given = {one.get("role") for one in halves}
    kept = [one for one in _halves_of(previous) if one["role"] not in given]
    fields = parameter_fields(terms, [*halves, *kept], start)
    _check_terms(terms, fields, previous)
    fields["keys"] = _label_keys(terms, fields["keys"][0], previous, switch_at, start)
    return canonical_json(fields)


def _halves_of(previous: PublicParameters) -> list[PublicHalves]:
    last, group = previous.keys[-1], previous.group_keys
    return [
        {"role": "labels", "oprf": last.oprf.hex()},
        {
            "role": "authorization",
            "vk_t": last.vk_t.hex(),
            "vk_t_possession": last.vk_t_possession.hex(),
            "authorization_key": previous.authorization_key.hex(),
        },
        {
            "role": "membership",
            "w": group.w.hex(),
            "w_possession": group.w_possession.hex(),
            "membership_key": previous.membership_key.hex(),
        },
        {
            "role": "accountability",
            "y": group.y.hex(),
            "y_possession": group.y_possession.hex(),
            "accountability_key": previous.accountability_key.hex(),
        },
        {"role": "registry", "registry_key": previous.registry_key.hex()},
        *(
            {"role": "record-store", "id": store.id.hex(), "key": store.key.hex()}
            for store in previous.record_stores
        ),
    ]


def _check_terms(terms: Terms, fields: dict[str, Any], previous: PublicParameters) -> None:
    if terms.deployment != previous.deployment:
        raise ConfigurationError("the terms are another deployment's than the previous parameters")
    if terms.rules.resolution_ms != previous.resolution_ms or terms.rules.profile != previous.rules.profile:
        raise ConfigurationError(
            "the label profile and the resolution stay as they are in the previous parameters: "
            "labels of before would be found by no trace"
        )
    if terms.period_s != previous.period_s and fields["group"]["w"] == previous.group_keys.w.hex():
        raise ConfigurationError(
            "the period of credentials can change only with the issuer key: "
            "the ones that were issued would hold at other times"
        )


def _label_keys(
    terms: Terms, newest: dict[str, Any], previous: PublicParameters, switch_at: float | None, now: float
) -> list[dict[str, Any]]:
    def epoch_of(seconds: float) -> int:
        return int(seconds * 1000) // terms.rules.resolution_ms

    reach_s = terms.epoch_days * DAY_S
    *before, last = [keys for keys in previous.keys if keys.epoch_to > epoch_of(now - reach_s)] or [
        previous.keys[-1]
    ]
    same = {"oprf": last.oprf.hex(), "vk_t": last.vk_t.hex()}
    unchanged = [name for name, value in same.items() if newest[name] == value]
    if len(unchanged) == len(same):
        if switch_at is not None:
            raise ConfigurationError("there are no new label keys to switch to")
        longer = _fields_of(last) | {"epoch_to": max(last.epoch_to, epoch_of(now + reach_s))}
        return [*map(_fields_of, before), longer]
    if unchanged:
        raise ConfigurationError(
            "a label key and a label-signature key are renewed together: give new public halves of both roles"
        )
    switch = last.epoch_to if switch_at is None else epoch_of(switch_at)
    if switch <= epoch_of(now):
        raise ConfigurationError(
            "the switch to the new label keys lies in the past, for which calls have been filed: "
            "choose a time at which every party has the new parameters"
        )
    if not last.epoch_from < switch <= last.epoch_to:
        raise ConfigurationError("the switch lies outside the interval of the last label keys")
    added = newest | {"epoch_from": switch, "epoch_to": switch + epoch_of(reach_s)}
    return [*map(_fields_of, before), _fields_of(last) | {"epoch_to": switch}, added]


def _fields_of(keys: LabelKeys) -> dict[str, Any]:
    return keys.model_dump(mode="json")
