"""Targets: what parties send each other. Of each binary message only its one encoding may be accepted."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from trunkline.errors import TrunklineError
from trunkline.jager.messages.accountability import (
    Disavowal,
    Report,
    TraceBundle,
    Verdict,
    decode_verdict_document,
)
from trunkline.jager.messages.authorization import AuthorizationRequest, AuthorizationResponse
from trunkline.jager.messages.log import JOIN_LOG, InclusionProof, LogEntries, LogHead
from trunkline.jager.messages.membership import decode_log_entry
from trunkline.jager.messages.parameters import PublicParameters, SignedParameters, root_fingerprint
from trunkline.jager.messages.registry import Registry
from trunkline.jager.messages.signed_document import SignedDocument
from trunkline.jager.validation.evidence import examine, situation_of
from trunkline.jager.validation.join_register import read_issuance_entry, read_join_entry
from trunkline.jager.validation.judge import judge
from trunkline.jager.validation.validate import validate_trace
from trunkline.service.client import Answer
from trunkline.service.nonces import NonceStore
from trunkline.service.problems import MEDIA_TYPE, error_from_problem
from trunkline.service.signatures import RequestAuth, RequestVerifier

from .packing import pack, unpack
from .target import Target

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit/jager/validation"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit/jager/authority/accountability"))

from accountability_world import Room
from test_wire_bytes import CASES, LOG_ENTRIES, spelled
from trace_world import NOW, World


def targets(directory: Path) -> Iterator[Target]:
    """All targets of this module; `directory` is for the files that they need."""
    yield from _messages()
    world = World()
    yield from _documents(world)
    yield from _evidence(world, directory)
    yield from _requests(world, directory)


def _messages() -> Iterator[Target]:
    for name, (fields, message) in CASES.items():
        yield Target(f"message {name}", _same_again(type(message)), [spelled(*fields)])

    def log_entry(data: bytes) -> None:
        entry = decode_log_entry(data)
        assert entry.encode() == data
        for read in (read_join_entry, read_issuance_entry):
            with contextlib.suppress(TrunklineError):
                read(data)

    yield Target("join log entry", log_entry, [spelled(*fields) for fields, _ in LOG_ENTRIES.values()])


def _same_again(message: type) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        decoded = message.decode(data)
        assert decoded.encode() == data
        if isinstance(decoded, AuthorizationRequest):
            assert len(decoded.labels) > 0
        if isinstance(decoded, AuthorizationResponse):
            assert decoded.grant.encode() == data[-258:]

    return run


def _documents(world: World) -> Iterator[Target]:
    root, registry_key = world.keys["grant"], world.keys["registry"]
    fingerprint = root_fingerprint(root.public_key)
    signed = SignedParameters.sign(world.parameters.payload, root)
    registry = world.registry.sign(registry_key)
    head = world.head()
    proof = InclusionProof(index=0, size=2, path=(bytes(32),))
    entries = LogEntries(start=0, entries=tuple(world.log))
    hashed = world.parameters.hash

    def parameters(data: bytes) -> None:
        # Signed by the fuzzer: the checks behind the signature are those to be reached.
        document = SignedDocument.sign(data, root, "parameters")
        SignedParameters.verify(document, fingerprint, now=NOW)

    def read_registry(data: bytes) -> None:
        document = SignedDocument.sign(data, registry_key, "registry")
        Registry.verify(document, registry_key.public_key).key_of("00")

    def envelope(data: bytes) -> None:
        SignedDocument.decode(data, "a document", 1 << 20).verify("registry")

    yield Target("public parameters", parameters, [world.parameters.payload])
    yield Target("public parameters, payload", PublicParameters.decode, [world.parameters.payload])
    yield Target("registry", read_registry, [registry.payload])
    yield Target("signed document", envelope, [signed.encode(), registry.encode()])
    yield Target(
        "log head",
        lambda data: LogHead.decode(data).verify(world.parameters.membership_key, JOIN_LOG, hashed),
        [head.model_dump_json().encode()],
    )
    yield Target("inclusion proof", InclusionProof.decode, [proof.model_dump_json().encode()])
    yield Target("log entries", LogEntries.decode, [entries.model_dump_json().encode()])


def _evidence(world: World, directory: Path) -> Iterator[Target]:
    records = [world.record("- A B"), world.record("A B D", 1), world.record("X B D", signer="X")]
    bundle = world.bundle(records, own="B D -")
    (directory / "room").mkdir()
    room = Room(world, directory / "room")
    verdict_document = room.report(bundle)
    verdict = decode_verdict_document(verdict_document).payload
    statement = room.statement(bundle, "B")
    report, disavowal = Report(bundle=bundle), Disavowal(bundle=bundle, statement=statement)

    def trace(data: bytes) -> None:
        read = TraceBundle.decode(data)
        assert TraceBundle.decode(read.encode()) == read
        validate_trace(situation_of(examine(read, world.known), members=None))

    def judged(data: bytes) -> None:
        # Signed by the fuzzer, as above.
        document = SignedDocument.sign(data, world.keys["verdict"], "verdict")
        judge(document.encode(), world.known, world.registry).to_json()

    yield Target("trace bundle", trace, [bundle.encode()])
    yield Target("verdict", judged, [verdict])
    yield Target("verdict, payload", Verdict.decode, [verdict])
    yield Target(
        "verdict, document",
        lambda data: judge(data, world.known, world.registry),
        [verdict_document],
    )
    yield Target("report", Report.decode, [report.encode()])
    yield Target("disavowal", Disavowal.decode, [disavowal.encode()])


def _requests(world: World, directory: Path) -> Iterator[Target]:
    key = world.members["A"].identity
    verifier = RequestVerifier(
        "test/labels", lambda _: key.public_key, NonceStore(directory / "nonces.sqlite"), lambda: NOW
    )
    headers = {"content-type": "application/json"}
    request = httpx.Request("POST", "https://test/v1/labels", headers=headers, content=b"{}")
    signed = RequestAuth(key, "00" * 16, "test/labels", lambda: NOW)(request)
    fields = ("trunkline-audience", "content-type", "content-digest", "signature-input", "signature")

    def verify(data: bytes) -> None:
        path, body, *values = [*unpack(data), b"", b""]
        given = httpx.Headers(list(zip((name.encode() for name in fields), values, strict=False)))
        verifier.verify("POST", path.decode("latin-1"), given, body)

    yield Target(
        "request signature",
        verify,
        [pack(b"/v1/labels", b"{}", *(signed.headers[name].encode() for name in fields))],
        packed=True,
    )
    document = {"type": "urn:trunkline:error:quota", "title": "quota", "status": 429, "detail": "until noon"}
    yield Target(
        "problem document",
        lambda data: error_from_problem(400, MEDIA_TYPE, data, "a service"),
        [json.dumps(document).encode()],
    )
    yield Target(
        "JSON answer", lambda data: Answer(200, data, "application/json").json(), [b'{"nonce":"00"}']
    )
