"""What processes of one store share besides records: nonces that were seen, and answers with pages."""

import hashlib
import secrets

from trunkline.errors import ReplayError, UnavailableError
from trunkline.jager.messages.record import INDEX_SIZE
from trunkline.jager.record_store.answers import Answer, AnswerCache
from trunkline.jager.record_store.cassandra_session import Session
from trunkline.service.nonces import NONCE_LIFETIME_S

_ATTEMPTS = 3
_ANSWER_LIFETIME_S = 900
_PART = 256 * 1024
_PARTS_IN_FLIGHT = 4
_DIGEST = 32
_SERVED = INDEX_SIZE + 4


class SharedNonces:
    """`Nonces` in the cluster: a request that one process has served, no other one serves again."""

    def __init__(self, session: Session) -> None:
        """Prepare the statement."""
        self._session = session
        self._remember = session.prepare(
            "INSERT INTO {keyspace}.nonces (digest, owner) VALUES (?, ?) IF NOT EXISTS USING TTL ?",
            once=True,
        )

    def remember(self, key_id: str, nonce: str, now: float) -> None:
        """See `Nonces`. The cluster's clocks count the five minutes."""
        digest = hashlib.sha256(f"{key_id} {nonce}".encode()).digest()[:16]
        # Tells a nonce that an attempt of ours has stored, without our hearing of it, from another's.
        owner = secrets.token_bytes(8)
        for _ in range(_ATTEMPTS):
            rows = self._session.attempt(self._remember, [(digest, owner, NONCE_LIFETIME_S)])[0]
            if rows is None:
                continue
            applied, *existing = rows[0]
            if applied or owner in existing:
                return
            raise ReplayError("the request's nonce was used before; sign each request anew")
        raise UnavailableError("the cluster did not note a nonce in time")


class SharedAnswers:
    """`Answers` in the cluster, with the latest ones at hand: any process can give any page."""

    def __init__(self, session: Session) -> None:
        """Prepare the statements."""
        self._session = session
        self._latest = AnswerCache()
        self._put = session.prepare(
            "INSERT INTO {keyspace}.answers (answer_id, part, data) VALUES (?, ?, ?) USING TTL ?"
        )
        self._get = session.prepare("SELECT data FROM {keyspace}.answers WHERE answer_id = ? AND part = ?")

    def put(self, answer: Answer) -> None:
        """See `Answers`."""
        parts = [answer.keys[start : start + _PART] for start in range(0, len(answer.keys), _PART)]
        rows = [
            (answer.answer_id, number, part, _ANSWER_LIFETIME_S) for number, part in enumerate(parts, start=1)
        ]
        head = (answer.answer_id, 0, _head(answer, len(parts)), _ANSWER_LIFETIME_S)
        # The head comes last: an answer that has it is whole.
        for batch in (rows, [head]):
            for _ in self._session.each(self._put, batch, _PARTS_IN_FLIGHT):
                pass
        self._latest.put(answer)

    def get(self, answer_id: bytes) -> Answer | None:
        """See `Answers`."""
        answer = self._latest.get(answer_id) or self._load(answer_id)
        if answer is not None:
            self._latest.put(answer)
        return answer

    def _load(self, answer_id: bytes) -> Answer | None:
        rows = self._session.run(self._get, (answer_id, 0))
        if not rows:
            return None
        head: bytes = rows[0][0]
        parts = int.from_bytes(head[:4], "big")
        numbers = [(answer_id, number) for number in range(1, parts + 1)]
        found = [
            data for rows in self._session.each(self._get, numbers, _PARTS_IN_FLIGHT) for (data,) in rows
        ]
        if len(found) != parts:
            return None  # it is expiring just now
        digests, served = head[12 : 12 + 2 * _DIGEST], head[12 + 2 * _DIGEST :]
        return Answer(
            answer_id=answer_id,
            grant_digest=digests[:_DIGEST],
            time=int.from_bytes(head[4:12], "big"),
            served=tuple(
                (served[at : at + INDEX_SIZE], int.from_bytes(served[at + INDEX_SIZE : at + _SERVED], "big"))
                for at in range(0, len(served), _SERVED)
            ),
            keys=b"".join(found),
            result_digest=digests[_DIGEST:],
        )


def _head(answer: Answer, parts: int) -> bytes:
    """u32 number of parts | u64 time | grant digest | result digest | each index with its u32 count."""
    served = b"".join(idx + count.to_bytes(4, "big") for idx, count in answer.served)
    head = parts.to_bytes(4, "big") + answer.time.to_bytes(8, "big")
    return head + answer.grant_digest + answer.result_digest + served
