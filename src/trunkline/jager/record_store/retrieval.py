"""Answering grants: the checks, the requester's quota, and signed pages of records."""

import hashlib
import secrets
from collections.abc import Callable, Iterator

from trunkline.crypto.ed25519 import SigningKey
from trunkline.crypto.transcript import lp, tag
from trunkline.errors import GrantError, InputError, NotFoundError
from trunkline.jager.messages.authorization import Grant, idx_digest
from trunkline.jager.messages.record import RECORD_KEY_SIZE, RECORD_SIZE, Record
from trunkline.jager.messages.retrieval import (
    NEW_ANSWER,
    PAGE_RECORDS,
    RetrievalPage,
    RetrievalRequest,
    Served,
    StoredRecord,
)
from trunkline.jager.record_store.acceptance import Acceptance
from trunkline.jager.record_store.answers import MAX_ANSWER_BYTES, Answer, Answers
from trunkline.jager.record_store.engine import GrantUse, RecordEngine
from trunkline.jager.record_store.metrics import StoreMetrics
from trunkline.jager.record_store.retention import SECONDS_A_DAY, first_kept_day
from trunkline.service.clock import Clock
from trunkline.service.metrics import Metrics
from trunkline.service.signatures import MAX_SKEW_S

_STORED_SIZE = 4 + RECORD_SIZE


class Retrieval:
    """Gives the holders of grants their records."""

    def __init__(
        self,
        engine: RecordEngine,
        answers: Answers,
        acceptance: Acceptance,
        key_of: Callable[[str], bytes | None],
        *,
        store_id: bytes,
        key: SigningKey,
        quota: int,
        retention_days: int,
        clock: Clock,
        metrics: StoreMetrics | None = None,
    ) -> None:
        """Prepare.

        Args:
            engine: Where the records are.
            answers: Where answers are kept between their pages.
            acceptance: The parameters that grants may belong to.
            key_of: Gives the Ed25519 key of an active provider by its identifier in hex.
            store_id: This store's identifier.
            key: This store's key, which signs pages.
            quota: Labels that a requester may retrieve a day.
            retention_days: How long records are kept.
            clock: The time of answers.
            metrics: What is counted, if somebody looks at it.
        """
        self._engine = engine
        self._acceptance = acceptance
        self._key_of = key_of
        self._store_id = store_id
        self._key = key
        self._quota = quota
        self._retention_days = retention_days
        self._clock = clock
        self._metrics = metrics or StoreMetrics(Metrics())
        self._answers = answers

    def page(self, request: RetrievalRequest, requester: str) -> RetrievalPage:
        """Return one signed page.

        The checks, in this order:
            1. The grant's parameters are in force here, and it is for this store.
            2. The authorization authority signed it.
            3. It is valid now. An authority's clock may be ahead of this one as far as a requester's may.
            4. It is the requester's, under the key that the request was signed with.
            5. The indices are the grant's.
            6. A grant that was never answered is within the requester's quota.

        Args:
            request: The decoded request.
            requester: Key id of the party that signed the HTTP request.

        Raises:
            GrantError: Check 1, 3, 4 or 5 fails.
            SignatureError: Check 2 fails.
            QuotaError: Check 6 fails.
            NotFoundError: The answer whose page is asked for is kept no more; ask for a new one.
            InputError: There is no such page.
            TooLargeError: There are more records than an answer can have.
            StorageError: The database failed.
            UnavailableError: It did not answer in time.
        """
        now = self._clock()
        self._check(request, requester, now)
        if request.answer_id == NEW_ANSWER:
            if request.page != 0:
                raise InputError("a new answer begins with page 0")
            answer = self._new_answer(request, now)
        else:
            kept = self._answers.get(request.answer_id)
            if kept is None or kept.grant_digest != request.grant.digest:
                raise NotFoundError("this answer is kept no more; ask for a new one")
            answer = kept
        return self._page(request.grant, answer, request.page)

    def _check(self, request: RetrievalRequest, requester: str, now: float) -> None:
        grant = request.grant
        # 1
        parameters = self._acceptance.of_grant(grant.params_hash, now)
        if grant.store_id != self._store_id:
            raise GrantError("the grant is for another record store")
        # 2
        grant.verify(parameters.authorization_key)
        # 3
        if now < grant.not_before - MAX_SKEW_S:
            raise GrantError("the grant is not valid yet; check the clock")
        if now >= grant.expiry:
            raise GrantError("the grant has expired; ask for a new one")
        # 4
        if requester != grant.requester_id.hex or self._key_of(requester) != grant.requester_key:
            raise GrantError("the grant belongs to another requester, or to an earlier key of this one")
        # 5
        if idx_digest(request.indices) != grant.idx_digest:
            raise GrantError("the grant is for other indices")

    def _new_answer(self, request: RetrievalRequest, now: float) -> Answer:
        grant = request.grant
        # The records are read first: an answer that cannot be given must not use up the quota.
        limit = MAX_ANSWER_BYTES // RECORD_KEY_SIZE
        keys = self._engine.keys(request.indices, first_kept_day(now, self._retention_days), limit)
        # 6
        use = GrantUse(grant.grant_id, grant.requester_id.value, int(now) // SECONDS_A_DAY, request.indices)
        counts = self._engine.serve_grant(use, self._quota)
        answer = Answer(
            answer_id=secrets.token_bytes(len(NEW_ANSWER)),
            grant_digest=grant.digest,
            time=int(now),
            served=tuple(zip(request.indices, counts, strict=True)),
            keys=b"".join(keys),
            result_digest=self._digest(keys),
        )
        self._metrics.answers.inc()
        self._metrics.answered_labels.inc(len(request.indices))
        self._metrics.answered_records.inc(len(keys))
        if len(keys) > PAGE_RECORDS:
            self._answers.put(answer)
        return answer

    def _digest(self, keys: list[bytes]) -> bytes:
        """Return H("result", all records), reading them a page at a time."""
        digest = hashlib.sha256(lp(tag("result")) + (len(keys) * _STORED_SIZE).to_bytes(4, "big"))
        for start in range(0, len(keys), PAGE_RECORDS):
            for stored in self._read(keys[start : start + PAGE_RECORDS]):
                digest.update(stored.encode())
        return digest.digest()

    def _page(self, grant: Grant, answer: Answer, number: int) -> RetrievalPage:
        total = len(answer.keys) // RECORD_KEY_SIZE
        pages = max(1, -(-total // PAGE_RECORDS))
        if number >= pages:
            raise InputError(f"the answer has {pages} pages, counted from 0")
        size = PAGE_RECORDS * RECORD_KEY_SIZE
        joined = answer.keys[number * size : (number + 1) * size]
        keys = [joined[at : at + RECORD_KEY_SIZE] for at in range(0, len(joined), RECORD_KEY_SIZE)]
        page = RetrievalPage(
            params_hash=grant.params_hash,
            store_id=self._store_id,
            answer_id=answer.answer_id,
            answer_time=answer.time,
            grant_digest=answer.grant_digest,
            result_digest=answer.result_digest,
            total=total,
            page=number,
            pages=pages,
            served=tuple(Served(idx, count) for idx, count in answer.served),
            records=tuple(self._read(keys)),
        )
        return page.sign(self._key)

    def _read(self, keys: list[bytes]) -> Iterator[StoredRecord]:
        for stored in self._engine.get(keys):
            if stored is None:
                raise NotFoundError("a record of this answer has expired; ask for a new answer")
            yield StoredRecord(stored.hour, Record(stored.record))
