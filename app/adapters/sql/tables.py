"""Which tables are there, and by which index does each question find its rows? Nothing else: no statements, no values.

The migrations build the same tables; a test compares the two. Times are microseconds, JSON is text, ids are UUIDs in
text, `seq` columns are the store's own growing numbers. Text is compared by code point on every database. No foreign
keys: rows are only deleted job by job (`deletion.py`), and each check would be paid in the hottest transactions.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, JobState, TaskState

METADATA = MetaData()

Whole = BigInteger().with_variant(Integer(), "sqlite")  # INTEGER is what SQLite takes as its row number
Words = Text().with_variant(Text(collation="C"), "postgresql")

OPEN_TASKS = tuple(state.value for state in TaskState if state not in TASK_TERMINAL)
UNENDED = "finished_at_us IS NULL"
"""Of tasks: open, in words that do not name the state, which changes more often."""
PLAIN = "map_index = -1"
"""Tasks that are not values of maps: only these are found by job, id and name."""
LAGGING = "live > 0 AND (closing OR next_index < total)"
HOOKED = "webhooks <> '[]'"
OPEN_JOBS = tuple(state.value for state in JobState if state not in JOB_TERMINAL)
ENDED_JOBS = tuple(state.value for state in JobState if state in JOB_TERMINAL)
COUNT_COLUMNS = {state: f"n_{state.value}" for state in TaskState}


def _key(name: str, kind: Any = Whole) -> Column[Any]:  # Any: a type of column that SQLAlchemy does not name in common
    return Column(name, kind, primary_key=True, autoincrement=False)


def _must(name: str, kind: Any = Whole) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _may(name: str, kind: Any = Whole) -> Column[Any]:
    return Column(name, kind)


def _partial(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


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
    _must("removed", Boolean),
    _must("updated_at_us"),  # the store's own: when the row was last written, but for its counts
    _may("template_id", Words),
    _may("template_version"),
    _must("open", Boolean),
    _must("submitted", Words),
    _may("traceparent", Words),
    *(_must(name) for name in COUNT_COLUMNS.values()),
    Index("jobs_by_id", "id", unique=True),
    Index("jobs_by_org", "org_id", "seq"),
    Index("jobs_by_queue", "org_id", "queue", "seq"),
    Index("jobs_by_state", "org_id", "state", "seq"),
    Index("jobs_by_project", "org_id", "project_id", "seq"),
    _partial("jobs_by_template", "org_id", "template_id", "seq", where="template_id IS NOT NULL"),
    _partial("jobs_open", "org_id", "queue", where=_among(OPEN_JOBS)),
    _partial("jobs_canceling", "seq", where=f"desired = 'cancel' AND {_among(OPEN_JOBS)}"),
    _partial("jobs_removed", "seq", where="removed"),
    _partial("jobs_hooked", "seq", where=HOOKED),
    Index("jobs_by_update", "org_id", "queue", "updated_at_us", "seq"),
    _partial("jobs_by_finish", "org_id", "finished_at_us", "seq", where="finished_at_us IS NOT NULL"),
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
    _must("rank"),  # minus the priority, so that (rank, job_seq) grows in the release order of an organization
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
    _must("map_index"),  # -1 for a task that is no value of a map
    Column("org_id", Words, nullable=False, server_default=text("''")),  # '': from before this was noted
    _partial("tasks_by_id", "id", where=PLAIN, unique=True),
    _partial("tasks_by_position", "job_seq", "position", where=PLAIN, unique=True),
    _partial("tasks_by_name", "job_seq", "name", where=PLAIN, unique=True),
    _partial("tasks_unended", "job_seq", "seq", where=UNENDED),
    postgresql_with={"fillfactor": 50},
)

# Which tasks are ready, and which failed (`by_state.py`). No index of `tasks` has the state in it: so PostgreSQL can
# change a task in its place, in the half of a page that is kept free for that, and need not touch its indexes.
ready_tasks = Table(
    "ready_tasks",
    METADATA,
    _key("seq"),
    _must("route", Words),
    _must("org_id", Words),
    _must("rank"),
    _must("job_seq"),
    _must("height"),
    _must("due_at_us"),
)
Index(
    "ready_in_order",
    ready_tasks.c.route,
    ready_tasks.c.org_id,
    ready_tasks.c.rank,
    ready_tasks.c.job_seq,
    ready_tasks.c.height.desc(),
    ready_tasks.c.seq,
)
failed_tasks = Table("failed_tasks", METADATA, _key("job_seq"), _key("seq"), sqlite_with_rowid=False)

# What was asked for stands apart, so that the rows that change stay small.
task_specs = Table("task_specs", METADATA, _key("seq"), _must("spec", Words))

# Which tasks were submitted together, so that those of a project are found in their order: a row a job, as a rule.
task_ranges = Table(
    "task_ranges",
    METADATA,
    _key("first_seq"),
    _must("last_seq"),
    _must("job_seq"),
    _must("org_id", Words),
    _must("project_id", Words),
    Index("task_ranges_by_project", "org_id", "project_id", "first_seq"),
)

hidden_tasks = Table("hidden_tasks", METADATA, _key("task_seq"))

job_sources = Table("job_sources", METADATA, _key("job_seq"), _must("single", Boolean), _must("text", Words))

# A map's values have the numbers before its own, SPAN of them (app/domain/map.py), and so need no index here.
maps = Table(
    "maps",
    METADATA,
    _key("task_seq"),
    _must("job_seq"),
    _must("route", Words),
    _may("total"),
    _must("fixed", Boolean),
    _may("max_concurrency"),
    _may("max_failed"),
    _must("window_size"),
    _must("next_index"),
    _must("made"),
    _must("keep", Boolean),
    _must("live"),
    _must("succeeded"),
    _must("failed"),
    _must("canceled"),
    _must("result_bytes"),
    _must("closing", Boolean),
    _may("fetch_at_us"),
    _must("fetches"),
    Index("maps_by_job", "job_seq"),
    _partial("maps_lagging", "task_seq", where=LAGGING),
    _partial("maps_due", "fetch_at_us", where="fetch_at_us IS NOT NULL"),
)
map_sources = Table("map_sources", METADATA, _key("map_seq"), _must("source", Words))
map_values = Table(
    "map_values",
    METADATA,
    _key("map_seq"),
    _key("first_index"),
    _must("count"),
    _must("chunk", Words),
)

chords = Table(
    "chords",
    METADATA,
    _key("body_seq"),
    _must("size"),
    _must("succeeded"),
    _must("unsuccessful"),
    postgresql_with={"fillfactor": 50},
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
    postgresql_with={"fillfactor": 70},
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
    _must("updated_at_us"),  # the store's own
    _may("follows", Words),
    Index("runs_by_number", "job_seq", "task_seq", "map_index", "number", unique=True),
    _partial("runs_held", "node_id", "claim_id", where="state = 'running'"),
    _partial("runs_queued", "route", "offered_at_us", where="state = 'queued'"),
    _partial("runs_offered", "offered_at_us", where="state = 'queued'"),
)

# What those who feed runs from outside of the fleet say of them, and no column of `runs` holds.
outside_runs = Table("outside_runs", METADATA, _key("run_id", Words), _must("said", Words))

# What a run has said in all; the rows of `log_chunks` hold it, each many lines in a row (`log_pack.py`).
logs = Table(
    "logs",
    METADATA,
    _key("run_id", Words),
    _must("job_seq"),
    _must("lines"),
    _must("highest"),  # of the numbers that the node gave
    _must("stdout_bytes"),
    _must("stderr_bytes"),
    _must("system_bytes"),
    Index("logs_by_job", "job_seq"),
    sqlite_with_rowid=False,
)

log_chunks = Table(
    "log_chunks",
    METADATA,
    Column("seq", Whole, primary_key=True, autoincrement=True),
    _must("job_seq"),
    _must("task_seq"),
    _must("task_id", Words),
    _must("run_id", Words),
    _must("first_place"),
    _must("lines"),
    _must("first_number"),  # 0: its lines have no numbers of a node
    _must("kinds"),  # bits: which streams and levels there are
    _must("body", LargeBinary()),
    Index("log_chunks_by_run", "run_id", "first_place", unique=True),
    Index("log_chunks_by_task", "task_seq", "seq"),
    Index("log_chunks_by_job", "job_seq", "seq"),
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
    _may("protocol"),
    _may("clock_skew_ms"),
    _may("refused", Words),
)

# What nodes say of their executors: written at a node's start and read by people, so not in the row of every beat.
node_cards = Table("node_cards", METADATA, _key("node_id", Words), _must("cards", Words))

# A point now and then of each node's last day, for plots.
node_points = Table(
    "node_points",
    METADATA,
    _key("node_id", Words),
    _key("at_us"),
    _must("cpu_percent", Double),
    _must("used_memory_bytes"),
    _must("reserved_cpu_milli"),
    _must("reserved_memory_mib"),
    _must("runs"),
    sqlite_with_rowid=False,
)

projects = Table(
    "projects",
    METADATA,
    _key("seq"),
    _must("id", Words),
    _must("org_id", Words),
    _must("name", Words),
    _must("created_at_us"),
    _must("created_by", Words),
    _must("access", Words),
    _must("kind", Words),
    _may("data", Words),
    _may("graph", Words),
    _may("modified_at_us"),
    _must("removed", Boolean),
    Index("projects_by_id", "id", unique=True),
    Index("projects_by_org", "org_id", "seq"),
    _partial("projects_removed", "seq", where="removed"),
)

templates = Table(
    "templates",
    METADATA,
    _key("seq"),
    _must("id", Words),
    _must("org_id", Words),
    _must("name", Words),
    _must("description", Words),
    _must("kind", Words),
    _must("created_by", Words),
    _must("created_at_us"),
    _must("changed_at_us"),
    _must("version"),
    _must("runs"),
    Index("templates_by_id", "id", unique=True),
    Index("templates_by_org", "org_id", "seq"),
    Index("templates_by_name", "org_id", "name", "seq"),
)

template_versions = Table(
    "template_versions",
    METADATA,
    _key("template_id", Words),
    _key("number"),
    _must("created_by", Words),
    _must("created_at_us"),
    _must("comment", Words),
    _must("job", Words),
    _must("questions", Words),
)

queues = Table(
    "queues",
    METADATA,
    _key("org_id", Words),
    _key("name", Words),
    _must("created_at_us"),
    _must("paused", Boolean),
    _partial("queues_paused", "org_id", "name", where="paused"),
)

# Of the few queues that have one, so that it costs nothing to ask for those of all others.
queue_limits = Table(
    "queue_limits",
    METADATA,
    _key("name", Words),
    _key("org_id", Words),
    _may("max_running"),
    _may("max_starts"),
    _must("next_start_us"),
    sqlite_with_rowid=False,
)

# How many runs of a queue ended in a minute, for an hour.
queue_minutes = Table(
    "queue_minutes",
    METADATA,
    _key("org_id", Words),
    _key("at_us"),
    _key("queue", Words),
    _must("ended"),
    sqlite_with_rowid=False,
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
    _may("user_id", Words),
    _may("node_id", Words),
    _may("used_at_us"),
    Index("tokens_by_org", "org_id", "created_at_us", "id"),
)

# Sealed with a key that is not in here.
secrets = Table(
    "secrets",
    METADATA,
    _key("org_id", Words),
    _key("name", Words),
    _must("sealed", Words),
    _must("created_at_us"),
    _must("changed_at_us"),
    _must("changed_by", Words),
    _may("used_at_us"),
    sqlite_with_rowid=False,
)

# Filters of the list of jobs, somebody's own.
views = Table(
    "views",
    METADATA,
    _key("org_id", Words),
    _key("owner", Words),
    _key("name", Words),
    _must("id", Words),
    _must("filters", Words),
    _must("created_at_us"),
    sqlite_with_rowid=False,
)

organizations = Table("organizations", METADATA, _key("id", Words), _must("name", Words), _must("created_at_us"))

users = Table(
    "users",
    METADATA,
    _key("id", Words),
    _must("org_id", Words),
    _must("name", Words),
    _must("role", Words),
    _must("created_at_us"),
    _may("revoked_at_us"),
    _may("issuer", Words),
    _may("subject", Words),
    Index("users_by_org", "org_id", "created_at_us", "id"),
)

audit = Table(
    "audit",
    METADATA,
    Column("seq", Whole, primary_key=True, autoincrement=True),
    _must("org_id", Words),
    _must("at_us"),
    _must("who", Words),
    _must("token_id", Words),
    _must("address", Words),
    _must("method", Words),
    _must("route", Words),
    _must("resource_id", Words),
    _must("status"),
    _must("request_id", Words),
    Index("audit_by_org", "org_id", "seq"),
    sqlite_autoincrement=True,
)

assets = Table(
    "assets",
    METADATA,
    _key("seq"),
    _must("id", Words),
    _must("org_id", Words),
    _must("project_id", Words),
    _must("filename", Words),
    _must("size"),
    _must("checksum", Words),
    _must("media_type", Words),
    _must("created_at_us"),
    _must("modified_at_us"),
    _must("created_by", Words),
    _must("blob", Words),
    _must("space", Words),
    _must("key", Words),
    _may("expires_at_us"),
    _may("job_seq"),
    _may("task_seq"),
    _may("job_id", Words),
    _may("task_id", Words),
    _must("task_name", Words),
    _may("run_id", Words),
    _must("number"),
    _must("map_index"),
    _must("name", Words),
    Index("assets_by_id", "id", unique=True),
    Index("assets_by_org", "org_id", "seq"),
    Index("assets_by_project", "org_id", "project_id", "seq"),
    Index("assets_by_filename", "org_id", "project_id", "filename", "seq"),
)
_partial("assets_in_space", assets.c.org_id, assets.c.space, assets.c.key, where="space <> ''", unique=True)
_partial("assets_of_run", assets.c.run_id, assets.c.name, where="run_id IS NOT NULL", unique=True)
_partial("assets_of_job", assets.c.job_seq, assets.c.seq, where="job_seq IS NOT NULL")
_partial("assets_of_task", assets.c.task_seq, assets.c.seq, where="task_seq IS NOT NULL")
_partial("assets_expiring", assets.c.expires_at_us, where="expires_at_us IS NOT NULL")

# Which jobs were submitted with an asset as an input.
asset_uses = Table(
    "asset_uses",
    METADATA,
    _key("asset_seq"),
    _key("job_seq"),
    Index("asset_uses_by_job", "job_seq"),
    sqlite_with_rowid=False,
)

loose_blobs = Table(
    "loose_blobs",
    METADATA,
    _key("blob", Words),
    _must("due_at_us"),
    _must("upload_id", Words),
    _must("part"),
    _must("size"),
    _must("checksum", Words),
    Index("loose_blobs_by_due", "due_at_us"),
)
_partial("loose_blobs_of_upload", loose_blobs.c.upload_id, loose_blobs.c.part, where="upload_id <> ''")

kept_answers = Table(
    "kept_answers",
    METADATA,
    _key("org_id", Words),
    _key("route", Words),
    _key("key", Words),
    _must("body_hash", Words),
    _must("resource_id", Words),
    _must("at_us"),
    _may("status"),
    _must("answer", Words),
    Index("kept_answers_by_age", "at_us"),
)

deliveries = Table(
    "deliveries",
    METADATA,
    Column("seq", Whole, primary_key=True, autoincrement=True),
    _must("id", Words),
    _must("org_id", Words),
    _must("job_seq"),
    _must("job_id", Words),
    _may("task_id", Words),
    _must("hook"),
    _must("event", Words),
    _must("body", Words),
    _must("state", Words),
    _must("created_at_us"),
    _must("since_us"),
    _may("due_at_us"),
    _may("tried_at_us"),
    _must("tries"),
    _may("status"),
    _may("detail", Words),
    Index("deliveries_by_id", "id", unique=True),
    Index("deliveries_by_job", "job_seq", "seq"),
    _partial("deliveries_due", "due_at_us", where="due_at_us IS NOT NULL"),
    _partial("deliveries_over", "tried_at_us", where="due_at_us IS NULL"),
    sqlite_autoincrement=True,
)

# Counters that every process adds to: what is counted, and two words that it is counted by.
tallies = Table("tallies", METADATA, _key("name", Words), _key("one", Words), _key("two", Words), _must("value"))

counters = Table("counters", METADATA, _key("kind", Words), _must("value"))
leases = Table("leases", METADATA, _key("name", Words), _must("holder", Words), _must("until_us"))
stamps = Table("stamps", METADATA, _key("name", Words), _must("at_us"))
keys = Table("keys", METADATA, _key("name", Words), _must("secret", Words), _may("until_us"))

schema_support = Table("schema_support", METADATA, _key("oldest", Words))
servers = Table(
    "servers",
    METADATA,
    _key("id", Words),
    _must("kind", Words),
    _must("host", Words),
    _must("pid"),
    _must("version", Words),
    _must("revision", Words),
    _must("started_at_us"),
    _must("seen_at_us"),
)
