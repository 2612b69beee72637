"""The tables of a record store in a Cassandra cluster, and the version they are of.

The record's index is the partition key, which the cluster spreads by its hash: a look-up is one read at the
replicas of one partition. Nothing is ever deleted; everything goes by its time to live.
"""

from trunkline.errors import ConfigurationError, ConflictError, InputError
from trunkline.jager.record_store.cassandra_session import Session

VERSION = 1
MAX_REPLICATION = 9

_DAY_S = 86_400
_WINDOWS = 30
_ADVICE = "run: trunkline record-store schema --config FILE"
# A replica that was away longer than this needs a repair; hints are kept for less (max_hint_window).
_GRACE_S = _DAY_S
# Ciphertexts do not shrink, but only compressed tables are checked by checksums when they are read: blocks
# that would not shrink are kept as they are, with a checksum.
_CHECKED = (
    "compression = {{'class': 'LZ4Compressor', 'chunk_length_in_kb': 16, 'min_compress_ratio': 1.1}}"
    " AND crc_check_chance = 1.0"
)

_TABLES = (
    f"""
    CREATE TABLE IF NOT EXISTS {{keyspace}}.records (
        idx blob, day int, id blob, value blob, PRIMARY KEY (idx, day, id)
    ) WITH compaction = {{{{'class': 'TimeWindowCompactionStrategy',
                            'compaction_window_unit': 'DAYS', 'compaction_window_size': {{window}}}}}}
    AND default_time_to_live = {{keep}} AND gc_grace_seconds = {_GRACE_S} AND {_CHECKED}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS {{keyspace}}.served (
        idx blob, grant_id blob, position int, count int static, PRIMARY KEY (idx, grant_id)
    ) WITH default_time_to_live = {{keep}} AND gc_grace_seconds = {_GRACE_S}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS {{keyspace}}.quotas (
        requester blob, grant_id blob, labels int, day int static, total int static,
        PRIMARY KEY (requester, grant_id)
    ) WITH default_time_to_live = {{keep}} AND gc_grace_seconds = {_GRACE_S}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS {{keyspace}}.nonces (
        digest blob PRIMARY KEY, owner blob
    ) WITH gc_grace_seconds = {_GRACE_S}
    """,
    f"""
    CREATE TABLE IF NOT EXISTS {{keyspace}}.answers (
        answer_id blob, part int, data blob, PRIMARY KEY (answer_id, part)
    ) WITH gc_grace_seconds = {_GRACE_S}
    """,
    # Of a migration from the embedded database: how far it has come.
    "CREATE TABLE IF NOT EXISTS {keyspace}.migrations (store blob PRIMARY KEY, state text)",
)
_ABOUT = "CREATE TABLE IF NOT EXISTS {keyspace}.about (name text PRIMARY KEY, value text)"


def create_schema(
    session: Session, *, store_id: bytes, datacenter: str, replication: int, retention_days: int
) -> None:
    """Create what is missing, and set what depends on the retention. It may be run again at any time.

    Args:
        session: The cluster.
        store_id: Whose records the keyspace is for.
        datacenter: Where the replicas are.
        replication: How many there are of each record; counts only when the keyspace is new.
        retention_days: How long records are kept.

    Raises:
        InputError: The number of replicas is impossible.
        ConflictError: The keyspace is another store's, or a later release's.
        UnavailableError: Too few nodes answer.
        StorageError: The cluster refuses.
    """
    if not 1 <= replication <= MAX_REPLICATION:
        raise InputError(f"the number of replicas is 1 to {MAX_REPLICATION}; three is usual")
    session.change_schema(
        f"CREATE KEYSPACE IF NOT EXISTS {session.keyspace} WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', '{datacenter}': {replication}}}"
    )
    session.change_schema(_ABOUT.format(keyspace=session.keyspace))
    about = _about(session)
    if about.get("store", store_id.hex()) != store_id.hex():
        raise ConflictError("the keyspace belongs to another record store; choose another `keyspace`")
    if int(about.get("version", VERSION)) > VERSION:
        raise ConflictError("the keyspace was made by a later release; update this one")
    keep = (retention_days + 1) * _DAY_S
    values = {"keyspace": session.keyspace, "window": _window_days(retention_days), "keep": keep}
    for table in _TABLES:
        session.change_schema(table.format(**values))
    # For a keyspace made when the retention was another.
    for name in ("records", "served", "quotas"):
        session.change_schema(f"ALTER TABLE {session.keyspace}.{name} WITH default_time_to_live = {keep}")
    note = session.prepare("INSERT INTO {keyspace}.about (name, value) VALUES (?, ?)")
    session.run(note, ("store", store_id.hex()))
    # Last, because a keyspace that has it counts as whole.
    session.run(note, ("version", str(VERSION)))


def check_schema(session: Session, store_id: bytes) -> None:
    """Check that the tables are there, this release's, and this store's.

    Raises:
        ConfigurationError: They are not; the message says what to run.
        UnavailableError: Too few nodes answer.
    """
    if "about" not in session.tables():
        raise ConfigurationError(f"the cluster has no tables of ours in this keyspace yet; {_ADVICE}")
    about = _about(session)
    if about.get("store", store_id.hex()) != store_id.hex():
        raise ConfigurationError("the keyspace belongs to another record store; correct `keyspace`")
    version = int(about.get("version", 0))
    if version < VERSION:
        raise ConfigurationError(f"the cluster's tables are of an earlier release; {_ADVICE}")
    if version > VERSION:
        raise ConfigurationError("the cluster's tables were made by a later release; update this one")


def _about(session: Session) -> dict[str, str]:
    return dict(session.run(session.prepare("SELECT name, value FROM {keyspace}.about")))


def _window_days(retention_days: int) -> int:
    """Some thirty windows: few enough files for a read, and little that waits for its window to expire."""
    return max(1, -(-retention_days // _WINDOWS))
