"""Hands a trace in to the accountability authority: as a report, or as the disavowal of a named carrier."""

import time
from collections.abc import Callable

from trunkline.errors import EvidenceError
from trunkline.jager.carrier.config import CarrierConfig
from trunkline.jager.carrier.services import open_services
from trunkline.jager.messages.accountability import (
    Disavowal,
    DisavowalStatement,
    Report,
    TraceBundle,
    decode_verdict_document,
)
from trunkline.jager.messages.authorization import case_commitment, details_commitment
from trunkline.jager.messages.parameter_set import ParameterSet
from trunkline.jager.messages.signed_document import SignedDocument
from trunkline.service.client import JSON
from trunkline.service.keys import IdentityKey


def send_report(
    config: CarrierConfig,
    bundle: TraceBundle,
    *,
    enforcement: bool = False,
    clock: Callable[[], float] = time.time,
) -> SignedDocument:
    """Hand in a trace, so that what contradicts itself is opened.

    Args:
        config: The carrier's configuration; the carrier must be the one that traced.
        bundle: The trace.
        enforcement: Open every record of the call, before an enforcement report; the trace needs a case.
        clock: Unix time.

    Returns:
        The signed verdict; `judge` checks what it says.

    Raises:
        EvidenceError: The evidence is incomplete, or the verdict is not the authority's.
        TrunklineError: The authority refused or is not available.
    """
    report = Report(bundle=bundle, enforcement=enforcement)
    return _send(config, "/v1/reports", report.encode(), clock)


def send_disavowal(
    config: CarrierConfig, bundle: TraceBundle, *, clock: Callable[[], float] = time.time
) -> SignedDocument:
    """State under this carrier's signature that it was not in the traced call, and have that looked into.

    If it turns out that this carrier signed a record of the call, the statement counts against it.

    Args:
        config: The configuration of the carrier that disavows.
        bundle: The trace that names it.
        clock: Unix time.

    Raises:
        EvidenceError: The evidence is incomplete, or the verdict is not the authority's.
        TrunklineError: The authority refused or is not available.
    """
    parameters = _known(config, clock).up_to(bundle.params_hash, "the trace").current
    call = bundle.call
    statement = DisavowalStatement(
        carrier=config.carrier.provider.value,
        details_commitment=details_commitment(
            call.salt,
            call.src.party,
            call.dst.party,
            time_ms=call.time_ms,
            profile=parameters.rules.profile,
            own_time_is_answer=call.own_time_is_answer,
            tolerance_ms=call.tolerance_ms,
        ),
        case_commitment=case_commitment(bundle.case.salt, bundle.case.text),
        time=int(clock()),
    )
    signed = statement.sign(IdentityKey.load(config.carrier.identity_key), parameters.hash)
    return _send(config, "/v1/disavowals", Disavowal(bundle=bundle, statement=signed).encode(), clock)


def _send(config: CarrierConfig, path: str, body: bytes, clock: Callable[[], float]) -> SignedDocument:
    known = _known(config, clock)
    identity = IdentityKey.load(config.carrier.identity_key)
    services = open_services(config.carrier, known.current, identity, clock)
    try:
        verdict = decode_verdict_document(services.accountability.post(path, body, JSON).content)
    finally:
        services.close()
    # The authority repeats a verdict that it gave before, under earlier parameters perhaps.
    if verdict.key not in {parameters.accountability_key for parameters in known}:
        raise EvidenceError("the verdict is not signed by this deployment's accountability authority")
    verdict.verify("verdict")
    return verdict


def _known(config: CarrierConfig, clock: Callable[[], float]) -> ParameterSet:
    return ParameterSet.load(
        config.parameters, config.earlier_parameters, config.root_fingerprint, now=clock()
    )
