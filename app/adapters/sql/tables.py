"""Which tables are there, and by which index does each question find its rows? Nothing else: no statements, no values.

The migrations build the same tables; a test compares the two. Times are microseconds, JSON is text, ids are UUIDs in
text, `seq` columns are the store's own growing numbers. Text is compared by code point on every database. No foreign
keys: rows are only deleted job by job (`deletion.py`), and each check would be paid in the hottest transactions.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, SmallInteger, Table, Text, text

from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, JobState, TaskState

METADATA = MetaData()

Whole = BigInteger().with_variant(Integer(), "sqlite")  # INTEGER is what SQLite takes as its row number
Words = Text().with_variant(Text(collation="C"), "postgresql")

OPEN_TASKS = tuple(state.value for state in TaskState if state not in TASK_TERMINAL)
OPEN_JOBS = tuple(state.value for state in JobState if state not in JOB_TERMINAL)
COUNT_COLUMNS = {state: f"n_{state.value}" for state in TaskState}


def _key(name: str, kind: Any = Whole) -> Column[Any]:  # Any: a type of column that SQLAlchemy does not name in common
    return Column(name, kind, primary_key=True, autoincrement=False)


def _must(name: str, kind: Any = Whole) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _may(name: str, kind: Any = Whole) -> Column[Any]:
    return Column(name, kind)


def _partial(name: str, *columns: Any, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _among(states: tuple[str, ...]) -> str:
    return "state IN (" + ", ".join(f"'{state}'" for state in states) + ")"


jobs = Table(
    "jobs",
    METADATA,
    _key("seq"),
    _must("id", Words),
    _must("org_id", Words),
    _must("project_id", Words),
    _must("queue", Words),
    _must("name", Words),
    _must("name_folded", Words),
    _must("state", Words),
    _must("desired", Words),
    _must("priority"),
    _must("created_by", Words),
    _must("created_at_us"),
    _may("started_at_us"),
    _may("finished_at_us"),
    _may("failure_code", Words),
    _may("failure_message", Words),
    _must("parameters", Words),
    _must("labels", Words),
    _may("max_failed_tasks"),
    _must("continue_on_failure", Boolean),
    _must("webhooks", Words),
    _must("version"),
    *(_must(name) for name in COUNT_COLUMNS.values()),
    Index("jobs_by_id", "id", unique=True),
    Index("jobs_by_org", "org_id", "seq"),
    Index("jobs_by_queue", "org_id", "queue", "seq"),
    Index("jobs_by_state", "org_id", "state", "seq"),
    Index("jobs_by_project", "org_id", "project_id", "seq"),
    _partial("jobs_open", "org_id", "queue", where=_among(OPEN_JOBS)),
    _partial("jobs_canceling", "seq", where=f"desired = 'cancel' AND {_among(OPEN_JOBS)}"),
)

tasks = Table(
    "tasks",
    METADATA,
    _key("seq"),
    _must("id", Words),
    _must("job_seq"),
    _must("job_id", Words),
    _must("position"),
    _must("name", Words),
    _must("state", Words),
    _must("route", Words),
    _must("run_when", Words),
    _must("rank"),  # minus the priority, so that (rank, job_seq) grows in release order
    _must("height"),
    _must("max_attempts"),
    _must("retry_delay_s"),
    _must("attempts"),
    _must("runs"),
    _must("crashes"),
    _may("run_id", Words),
    _must("due_at_us"),
    _must("cancel", Boolean),
    _must("created_at_us"),
    _may("started_at_us"),
    _may("finished_at_us"),
    _may("failure_code", Words),
    _may("failure_message", Words),
    Index("tasks_by_id", "id", unique=True),
    Index("tasks_by_position", "job_seq", "position", unique=True),
    Index("tasks_by_name", "job_seq", "name", unique=True),
    _partial("tasks_open", "job_seq", "seq", where=_among(OPEN_TASKS)),
)
_partial(
    "tasks_ready",
    tasks.c.route,
    tasks.c.rank,
    tasks.c.job_seq,
    tasks.c.height.desc(),
    tasks.c.seq,
    where="state = 'ready'",
)

# What was asked for stands apart, so that the rows that change stay small.
task_specs = Table("task_specs", METADATA, _key("seq"), _must("spec", Words))

chords = Table(
    "chords",
    METADATA,
    _key("body_seq"),
    _must("size"),
    _must("succeeded"),
    _must("unsuccessful"),
)

# Laid out by header: a part is returned, taken back and followed downwards by its header. An outcome is 1 or 0.
chord_parts = Table(
    "chord_parts",
    METADATA,
    _key("header_seq"),
    _key("body_seq"),
    _must("part_index"),
    _may("outcome", SmallInteger),
    sqlite_with_rowid=False,
)

literal_chords = Table(
    "literal_chords",
    METADATA,
    _key("id", Words),
    _must("size"),
    _must("body", Words),
    _must("returned"),
    _must("closed", Boolean),
)

literal_parts = Table(
    "literal_parts",
    METADATA,
    _key("chord_id", Words),
    _key("part_index"),
    _must("succeeded", Boolean),
    _must("value", Words),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    METADATA,
    _key("id", Words),
    _must("task_seq"),
    _must("job_seq"),
    _must("task_id", Words),
    _must("job_id", Words),
    _must("map_index"),  # -1 for none, so that it can be ordered
    _must("number"),
    _must("fence"),
    _must("route", Words),
    _must("state", Words),
    _may("node_id", Words),
    _may("claim_id", Words),
    _must("created_at_us"),
    _must("offered_at_us"),
    _may("claimed_at_us"),
    _may("started_at_us"),
    _may("finished_at_us"),
    _must("progress", Double),
    _may("status_text", Words),
    _may("exit_code"),
    _may("signal"),
    _may("failure_code", Words),
    _may("failure_message", Words),
    _may("result", Words),
    _may("usage", Words),
    _must("sequence"),
    Index("runs_by_number", "job_seq", "task_seq", "map_index", "number", unique=True),
    _partial("runs_held", "node_id", "claim_id", where="state = 'running'"),
    _partial("runs_queued", "route", "offered_at_us", where="state = 'queued'"),
    _partial("runs_offered", "offered_at_us", where="state = 'queued'"),
)

lines = Table(
    "lines",
    METADATA,
    Column("seq", Whole, primary_key=True, autoincrement=True),
    _must("job_seq"),
    _must("task_seq"),
    _must("task_id", Words),
    _must("run_id", Words),
    _must("line"),
    _must("at_us"),
    _must("stream", Words),
    _must("level", Words),
    _must("text", Words),
    Index("lines_once", "run_id", "line", unique=True),
    Index("lines_by_run", "run_id", "seq"),
    Index("lines_by_task", "task_seq", "seq"),
    Index("lines_by_job", "job_seq", "seq"),
    sqlite_autoincrement=True,  # numbers of deleted lines must not come again
)

samples = Table(
    "samples",
    METADATA,
    _key("run_id", Words),
    _key("at_us"),
    _must("usage", Words),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    METADATA,
    Column("seq", Whole, primary_key=True, autoincrement=True),
    _must("org_id", Words),
    _must("job_id", Words),
    _must("at_us"),
    _must("kind", Words),
    _must("data", Words),
    Index("events_by_org", "org_id", "seq"),
    Index("events_by_job", "job_id", "seq"),
    sqlite_autoincrement=True,
)

nodes = Table(
    "nodes",
    METADATA,
    _key("id", Words),
    _must("name", Words),
    _must("pid"),
    _must("incarnation"),
    _must("total_cpu_milli"),
    _must("total_memory_mib"),
    _must("free_cpu_milli"),
    _must("free_memory_mib"),
    _must("queues", Words),
    _must("tags", Words),
    _must("executors", Words),
    _must("version", Words),
    _must("registered_at_us"),
    _must("heartbeat_at_us"),
    _must("lease_until_us"),
    _must("drain", Boolean),
    _must("offline", Boolean),
    _must("cpu_percent", Double),
    _must("used_memory_bytes"),
    _must("draining", Boolean),
)

projects = Table(
    "projects",
    METADATA,
    _key("seq"),
    _must("id", Words),
    _must("org_id", Words),
    _must("name", Words),
    _must("created_at_us"),
    Index("projects_by_id", "id", unique=True),
    Index("projects_by_org", "org_id", "seq"),
)

queues = Table(
    "queues",
    METADATA,
    _key("org_id", Words),
    _key("name", Words),
    _must("created_at_us"),
    _must("paused", Boolean),
)

tokens = Table(
    "tokens",
    METADATA,
    _key("id", Words),
    _must("org_id", Words),
    _must("name", Words),
    _must("role", Words),
    _must("scopes", Words),
    _must("secret_hash", Words),
    _must("created_at_us"),
    _may("expires_at_us"),
    _may("revoked_at_us"),
    Index("tokens_by_org", "org_id", "created_at_us", "id"),
)

kept_answers = Table(
    "kept_answers",
    METADATA,
    _key("org_id", Words),
    _key("route", Words),
    _key("key", Words),
    _must("body_hash", Words),
    _must("resource_id", Words),
    _must("at_us"),
    Index("kept_answers_by_age", "at_us"),
)

counters = Table("counters", METADATA, _key("kind", Words), _must("value"))
leases = Table("leases", METADATA, _key("name", Words), _must("holder", Words), _must("until_us"))
stamps = Table("stamps", METADATA, _key("name", Words), _must("at_us"))
keys = Table("keys", METADATA, _key("name", Words), _must("secret", Words))
