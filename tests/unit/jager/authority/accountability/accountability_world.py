"""The accountability authority over the world of the validation tests, without a network."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "validation"))

from trace_world import NOW, World, some_carrier

from trunkline.jager.authority.accountability.app import MIGRATIONS
from trunkline.jager.authority.accountability.config import AccountabilityConfig
from trunkline.jager.authority.accountability.examination import Accountability
from trunkline.jager.authority.accountability.opening import Opener
from trunkline.jager.authority.accountability.store import OpeningsStore
from trunkline.jager.messages.accountability import (
    Disavowal,
    DisavowalStatement,
    Report,
    TraceBundle,
    Verdict,
    decode_verdict_document,
)
from trunkline.jager.messages.authorization import details_commitment
from trunkline.jager.validation.join_register import JoinRegister
from trunkline.service.database import open_database

__all__ = ["NOW", "Room", "World", "some_carrier"]


class Log:
    """The join log, read from the world."""

    def __init__(self, world: World) -> None:
        self.lock = threading.Lock()
        self._world = world

    def current(self) -> JoinRegister:
        register = JoinRegister(self._world.known)
        register.absorb(self._world.head(), self._world.log)
        return register


class FixedRegistry:
    def __init__(self, world: World) -> None:
        self._world = world

    def current(self):
        return self._world.registry


class Room:
    """One authority with its own database."""

    def __init__(self, world: World, directory: Path, **quotas: int) -> None:
        self.world = world
        self.now = NOW + 60
        self.engine = open_database(directory / "openings.sqlite", migrations=MIGRATIONS)
        self.store = OpeningsStore(self.engine)
        unused = directory / "unused"
        config = AccountabilityConfig(
            parameters=unused,
            root_fingerprint="0" * 64,
            registry=unused,
            port=4000,
            data_dir=directory,
            opener_key=unused,
            verdict_key=unused,
            identity_key=unused,
            id="0" * 32,
            labels_url="http://labels",
            membership_url="http://membership",
            **quotas,
        )
        self.evaluations = 0
        self.accountability = Accountability(
            known=world.known,
            registry=FixedRegistry(world),
            config=config,
            opener=Opener(world.opener),
            verdict_key=world.keys["verdict"],
            evaluate=self._evaluate,
            join_log=Log(world),
            store=self.store,
            clock=lambda: self.now,
        )

    def _evaluate(self, bundle: TraceBundle):
        self.evaluations += 1
        return self.world.evaluate(bundle)

    def report(self, bundle: TraceBundle, *, tracer: str = "D", enforcement: bool = False) -> bytes:
        body = Report(bundle=bundle, enforcement=enforcement).encode()
        return self.accountability.report(body, some_carrier(tracer))

    def statement(self, bundle: TraceBundle, name: str) -> DisavowalStatement:
        call, parameters = bundle.call, self.world.parameters
        unsigned = DisavowalStatement(
            carrier=some_carrier(name).value,
            details_commitment=details_commitment(
                call.salt,
                call.src.party,
                call.dst.party,
                time_ms=call.time_ms,
                profile=parameters.rules.profile,
                own_time_is_answer=call.own_time_is_answer,
                tolerance_ms=call.tolerance_ms,
            ),
            case_commitment=bundle.decoded_grant().case_commitment,
            time=NOW,
        )
        return unsigned.sign(self.world.members[name].identity, parameters.hash)

    def disavow(
        self,
        bundle: TraceBundle,
        name: str,
        *,
        requester: str = "D",
        statement: DisavowalStatement | None = None,
    ) -> bytes:
        disavowal = Disavowal(bundle=bundle, statement=statement or self.statement(bundle, name))
        return self.accountability.disavowal(disavowal.encode(), some_carrier(requester))


def verdict_of(document: bytes) -> Verdict:
    return Verdict.decode(decode_verdict_document(document).payload)


def findings_of(document: bytes) -> set[tuple[str, str | None, str | None]]:
    def name(value: bytes | None) -> str | None:
        return None if value is None else value.rstrip(b".").decode()

    return {(each.kind, name(each.carrier), name(each.claimed)) for each in verdict_of(document).findings}
