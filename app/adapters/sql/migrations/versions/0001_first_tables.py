"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:

    op.create_table(
        "asset_uses",
        sa.Column("asset_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("job_seq", _whole, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("asset_seq", "job_seq"),
        sqlite_with_rowid=False,
    )
    op.create_index("asset_uses_by_job", "asset_uses", ["job_seq"])
    op.create_table(
        "assets",
        sa.Column("seq", _whole, autoincrement=False, nullable=False),
        sa.Column("id", _words, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("project_id", _words, nullable=False),
        sa.Column("filename", _words, nullable=False),
        sa.Column("size", _whole, nullable=False),
        sa.Column("checksum", _words, nullable=False),
        sa.Column("media_type", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("modified_at_us", _whole, nullable=False),
        sa.Column("created_by", _words, nullable=False),
        sa.Column("blob", _words, nullable=False),
        sa.Column("space", _words, nullable=False),
        sa.Column("key", _words, nullable=False),
        sa.Column("expires_at_us", _whole, nullable=True),
        sa.Column("job_seq", _whole, nullable=True),
        sa.Column("task_seq", _whole, nullable=True),
        sa.Column("job_id", _words, nullable=True),
        sa.Column("task_id", _words, nullable=True),
        sa.Column("task_name", _words, nullable=False),
        sa.Column("run_id", _words, nullable=True),
        sa.Column("number", _whole, nullable=False),
        sa.Column("map_index", _whole, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("assets_by_id", "assets", ["id"], unique=True)
    op.create_index("assets_by_org", "assets", ["org_id", "seq"])
    op.create_index("assets_by_filename", "assets", ["org_id", "project_id", "filename", "seq"])
    op.create_index("assets_by_project", "assets", ["org_id", "project_id", "seq"])
    op.create_index(
        "assets_expiring",
        "assets",
        ["expires_at_us"],
        sqlite_where=sa.text("expires_at_us IS NOT NULL"),
        postgresql_where=sa.text("expires_at_us IS NOT NULL"),
    )
    op.create_index(
        "assets_in_space",
        "assets",
        ["org_id", "space", "key"],
        unique=True,
        sqlite_where=sa.text("space <> ''"),
        postgresql_where=sa.text("space <> ''"),
    )
    op.create_index(
        "assets_of_job",
        "assets",
        ["job_seq", "seq"],
        sqlite_where=sa.text("job_seq IS NOT NULL"),
        postgresql_where=sa.text("job_seq IS NOT NULL"),
    )
    op.create_index(
        "assets_of_run",
        "assets",
        ["run_id", "name"],
        unique=True,
        sqlite_where=sa.text("run_id IS NOT NULL"),
        postgresql_where=sa.text("run_id IS NOT NULL"),
    )
    op.create_index(
        "assets_of_task",
        "assets",
        ["task_seq", "seq"],
        sqlite_where=sa.text("task_seq IS NOT NULL"),
        postgresql_where=sa.text("task_seq IS NOT NULL"),
    )
    op.create_table(
        "chord_parts",
        sa.Column("header_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("body_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("part_index", _whole, nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=True),
        sa.PrimaryKeyConstraint("header_seq", "body_seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "chords",
        sa.Column("body_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("size", _whole, nullable=False),
        sa.Column("succeeded", _whole, nullable=False),
        sa.Column("unsuccessful", _whole, nullable=False),
        sa.PrimaryKeyConstraint("body_seq"),
    )
    op.create_table(
        "counters",
        sa.Column("kind", _words, autoincrement=False, nullable=False),
        sa.Column("value", _whole, nullable=False),
        sa.PrimaryKeyConstraint("kind"),
    )
    op.create_table(
        "events",
        sa.Column("seq", _whole, autoincrement=True, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("job_id", _words, nullable=False),
        sa.Column("at_us", _whole, nullable=False),
        sa.Column("kind", _words, nullable=False),
        sa.Column("data", _words, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_job", "events", ["job_id", "seq"])
    op.create_index("events_by_org", "events", ["org_id", "seq"])
    op.create_table(
        "deliveries",
        sa.Column("seq", _whole, autoincrement=True, nullable=False),
        sa.Column("id", _words, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("job_seq", _whole, nullable=False),
        sa.Column("job_id", _words, nullable=False),
        sa.Column("task_id", _words, nullable=True),
        sa.Column("hook", _whole, nullable=False),
        sa.Column("event", _words, nullable=False),
        sa.Column("body", _words, nullable=False),
        sa.Column("state", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("since_us", _whole, nullable=False),
        sa.Column("due_at_us", _whole, nullable=True),
        sa.Column("tried_at_us", _whole, nullable=True),
        sa.Column("tries", _whole, nullable=False),
        sa.Column("status", _whole, nullable=True),
        sa.Column("detail", _words, nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_by_id", "deliveries", ["id"], unique=True)
    op.create_index("deliveries_by_job", "deliveries", ["job_seq", "seq"])
    op.create_index(
        "deliveries_due",
        "deliveries",
        ["due_at_us"],
        sqlite_where=sa.text("due_at_us IS NOT NULL"),
        postgresql_where=sa.text("due_at_us IS NOT NULL"),
    )
    op.create_index(
        "deliveries_over",
        "deliveries",
        ["tried_at_us"],
        sqlite_where=sa.text("due_at_us IS NULL"),
        postgresql_where=sa.text("due_at_us IS NULL"),
    )
    op.create_table(
        "tallies",
        sa.Column("name", _words, autoincrement=False, nullable=False),
        sa.Column("one", _words, autoincrement=False, nullable=False),
        sa.Column("two", _words, autoincrement=False, nullable=False),
        sa.Column("value", _whole, nullable=False),
        sa.PrimaryKeyConstraint("name", "one", "two"),
    )
    op.create_table(
        "jobs",
        sa.Column("seq", _whole, autoincrement=False, nullable=False),
        sa.Column("id", _words, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("project_id", _words, nullable=False),
        sa.Column("queue", _words, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("name_folded", _words, nullable=False),
        sa.Column("state", _words, nullable=False),
        sa.Column("desired", _words, nullable=False),
        sa.Column("priority", _whole, nullable=False),
        sa.Column("created_by", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("started_at_us", _whole, nullable=True),
        sa.Column("finished_at_us", _whole, nullable=True),
        sa.Column("failure_code", _words, nullable=True),
        sa.Column("failure_message", _words, nullable=True),
        sa.Column("parameters", _words, nullable=False),
        sa.Column("labels", _words, nullable=False),
        sa.Column("max_failed_tasks", _whole, nullable=True),
        sa.Column("continue_on_failure", sa.Boolean(), nullable=False),
        sa.Column("webhooks", _words, nullable=False),
        sa.Column("version", _whole, nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("updated_at_us", _whole, nullable=False),
        sa.Column("template_id", _words, nullable=True),
        sa.Column("template_version", _whole, nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("submitted", _words, nullable=False),
        sa.Column("traceparent", _words, nullable=True),
        sa.Column("n_waiting", _whole, nullable=False),
        sa.Column("n_ready", _whole, nullable=False),
        sa.Column("n_queued", _whole, nullable=False),
        sa.Column("n_running", _whole, nullable=False),
        sa.Column("n_succeeded", _whole, nullable=False),
        sa.Column("n_failed", _whole, nullable=False),
        sa.Column("n_canceled", _whole, nullable=False),
        sa.Column("n_skipped", _whole, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("jobs_by_id", "jobs", ["id"], unique=True)
    op.create_index("jobs_by_org", "jobs", ["org_id", "seq"])
    op.create_index("jobs_by_project", "jobs", ["org_id", "project_id", "seq"])
    op.create_index("jobs_by_queue", "jobs", ["org_id", "queue", "seq"])
    op.create_index("jobs_by_state", "jobs", ["org_id", "state", "seq"])
    op.create_index(
        "jobs_removed",
        "jobs",
        ["seq"],
        sqlite_where=sa.text("removed"),
        postgresql_where=sa.text("removed"),
    )
    op.create_index("jobs_by_update", "jobs", ["org_id", "queue", "updated_at_us", "seq"])
    op.create_index(
        "jobs_by_template",
        "jobs",
        ["org_id", "template_id", "seq"],
        sqlite_where=sa.text("template_id IS NOT NULL"),
        postgresql_where=sa.text("template_id IS NOT NULL"),
    )
    op.create_index(
        "jobs_canceling",
        "jobs",
        ["seq"],
        sqlite_where=sa.text("desired = 'cancel' AND state IN ('pending', 'running', 'paused')"),
        postgresql_where=sa.text("desired = 'cancel' AND state IN ('pending', 'running', 'paused')"),
    )
    op.create_index(
        "jobs_open",
        "jobs",
        ["org_id", "queue"],
        sqlite_where=sa.text("state IN ('pending', 'running', 'paused')"),
        postgresql_where=sa.text("state IN ('pending', 'running', 'paused')"),
    )
    op.create_table(
        "kept_answers",
        sa.Column("org_id", _words, autoincrement=False, nullable=False),
        sa.Column("route", _words, autoincrement=False, nullable=False),
        sa.Column("key", _words, autoincrement=False, nullable=False),
        sa.Column("body_hash", _words, nullable=False),
        sa.Column("resource_id", _words, nullable=False),
        sa.Column("at_us", _whole, nullable=False),
        sa.Column("status", _whole, nullable=True),
        sa.Column("answer", _words, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "route", "key"),
    )
    op.create_index("kept_answers_by_age", "kept_answers", ["at_us"])
    op.create_table(
        "keys",
        sa.Column("name", _words, autoincrement=False, nullable=False),
        sa.Column("secret", _words, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "leases",
        sa.Column("name", _words, autoincrement=False, nullable=False),
        sa.Column("holder", _words, nullable=False),
        sa.Column("until_us", _whole, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "logs",
        sa.Column("run_id", _words, autoincrement=False, nullable=False),
        sa.Column("job_seq", _whole, nullable=False),
        sa.Column("lines", _whole, nullable=False),
        sa.Column("highest", _whole, nullable=False),
        sa.Column("stdout_bytes", _whole, nullable=False),
        sa.Column("stderr_bytes", _whole, nullable=False),
        sa.Column("system_bytes", _whole, nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("logs_by_job", "logs", ["job_seq"])
    op.create_table(
        "log_chunks",
        sa.Column("seq", _whole, autoincrement=True, nullable=False),
        sa.Column("job_seq", _whole, nullable=False),
        sa.Column("task_seq", _whole, nullable=False),
        sa.Column("task_id", _words, nullable=False),
        sa.Column("run_id", _words, nullable=False),
        sa.Column("first_place", _whole, nullable=False),
        sa.Column("lines", _whole, nullable=False),
        sa.Column("first_number", _whole, nullable=False),
        sa.Column("kinds", _whole, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("log_chunks_by_job", "log_chunks", ["job_seq", "seq"])
    op.create_index("log_chunks_by_run", "log_chunks", ["run_id", "first_place"], unique=True)
    op.create_index("log_chunks_by_task", "log_chunks", ["task_seq", "seq"])
    op.create_table(
        "secrets",
        sa.Column("org_id", _words, autoincrement=False, nullable=False),
        sa.Column("name", _words, autoincrement=False, nullable=False),
        sa.Column("sealed", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("changed_at_us", _whole, nullable=False),
        sa.Column("changed_by", _words, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "literal_chords",
        sa.Column("id", _words, autoincrement=False, nullable=False),
        sa.Column("size", _whole, nullable=False),
        sa.Column("body", _words, nullable=False),
        sa.Column("returned", _whole, nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "literal_parts",
        sa.Column("chord_id", _words, autoincrement=False, nullable=False),
        sa.Column("part_index", _whole, autoincrement=False, nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.Column("value", _words, nullable=False),
        sa.PrimaryKeyConstraint("chord_id", "part_index"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "loose_blobs",
        sa.Column("blob", _words, autoincrement=False, nullable=False),
        sa.Column("due_at_us", _whole, nullable=False),
        sa.Column("upload_id", _words, nullable=False),
        sa.Column("part", _whole, nullable=False),
        sa.Column("size", _whole, nullable=False),
        sa.Column("checksum", _words, nullable=False),
        sa.PrimaryKeyConstraint("blob"),
    )
    op.create_index("loose_blobs_by_due", "loose_blobs", ["due_at_us"])
    op.create_index(
        "loose_blobs_of_upload",
        "loose_blobs",
        ["upload_id", "part"],
        sqlite_where=sa.text("upload_id <> ''"),
        postgresql_where=sa.text("upload_id <> ''"),
    )
    op.create_table(
        "map_sources",
        sa.Column("map_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("source", _words, nullable=False),
        sa.PrimaryKeyConstraint("map_seq"),
    )
    op.create_table(
        "map_values",
        sa.Column("map_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("first_index", _whole, autoincrement=False, nullable=False),
        sa.Column("count", _whole, nullable=False),
        sa.Column("chunk", _words, nullable=False),
        sa.PrimaryKeyConstraint("map_seq", "first_index"),
    )
    op.create_table(
        "maps",
        sa.Column("task_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("job_seq", _whole, nullable=False),
        sa.Column("route", _words, nullable=False),
        sa.Column("total", _whole, nullable=True),
        sa.Column("fixed", sa.Boolean(), nullable=False),
        sa.Column("max_concurrency", _whole, nullable=True),
        sa.Column("max_failed", _whole, nullable=True),
        sa.Column("window_size", _whole, nullable=False),
        sa.Column("next_index", _whole, nullable=False),
        sa.Column("made", _whole, nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("live", _whole, nullable=False),
        sa.Column("succeeded", _whole, nullable=False),
        sa.Column("failed", _whole, nullable=False),
        sa.Column("canceled", _whole, nullable=False),
        sa.Column("result_bytes", _whole, nullable=False),
        sa.Column("closing", sa.Boolean(), nullable=False),
        sa.Column("fetch_at_us", _whole, nullable=True),
        sa.Column("fetches", _whole, nullable=False),
        sa.PrimaryKeyConstraint("task_seq"),
    )
    op.create_index("maps_by_job", "maps", ["job_seq"])
    op.create_index(
        "maps_due",
        "maps",
        ["fetch_at_us"],
        sqlite_where=sa.text("fetch_at_us IS NOT NULL"),
        postgresql_where=sa.text("fetch_at_us IS NOT NULL"),
    )
    op.create_index(
        "maps_lagging",
        "maps",
        ["task_seq"],
        sqlite_where=sa.text("live > 0 AND (closing OR next_index < total)"),
        postgresql_where=sa.text("live > 0 AND (closing OR next_index < total)"),
    )
    op.create_table(
        "node_cards",
        sa.Column("node_id", _words, autoincrement=False, nullable=False),
        sa.Column("cards", _words, nullable=False),
        sa.PrimaryKeyConstraint("node_id"),
    )
    op.create_table(
        "node_points",
        sa.Column("node_id", _words, autoincrement=False, nullable=False),
        sa.Column("at_us", _whole, autoincrement=False, nullable=False),
        sa.Column("cpu_percent", sa.Double(), nullable=False),
        sa.Column("used_memory_bytes", _whole, nullable=False),
        sa.Column("reserved_cpu_milli", _whole, nullable=False),
        sa.Column("reserved_memory_mib", _whole, nullable=False),
        sa.Column("runs", _whole, nullable=False),
        sa.PrimaryKeyConstraint("node_id", "at_us"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "nodes",
        sa.Column("id", _words, autoincrement=False, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("pid", _whole, nullable=False),
        sa.Column("incarnation", _whole, nullable=False),
        sa.Column("total_cpu_milli", _whole, nullable=False),
        sa.Column("total_memory_mib", _whole, nullable=False),
        sa.Column("free_cpu_milli", _whole, nullable=False),
        sa.Column("free_memory_mib", _whole, nullable=False),
        sa.Column("queues", _words, nullable=False),
        sa.Column("tags", _words, nullable=False),
        sa.Column("executors", _words, nullable=False),
        sa.Column("version", _words, nullable=False),
        sa.Column("registered_at_us", _whole, nullable=False),
        sa.Column("heartbeat_at_us", _whole, nullable=False),
        sa.Column("lease_until_us", _whole, nullable=False),
        sa.Column("drain", sa.Boolean(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("cpu_percent", sa.Double(), nullable=False),
        sa.Column("used_memory_bytes", _whole, nullable=False),
        sa.Column("draining", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "outside_runs",
        sa.Column("run_id", _words, autoincrement=False, nullable=False),
        sa.Column("said", _words, nullable=False),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "projects",
        sa.Column("seq", _whole, autoincrement=False, nullable=False),
        sa.Column("id", _words, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("created_by", _words, nullable=False),
        sa.Column("access", _words, nullable=False),
        sa.Column("kind", _words, nullable=False),
        sa.Column("data", _words, nullable=True),
        sa.Column("graph", _words, nullable=True),
        sa.Column("modified_at_us", _whole, nullable=True),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("projects_by_id", "projects", ["id"], unique=True)
    op.create_index("projects_by_org", "projects", ["org_id", "seq"])
    op.create_index(
        "projects_removed",
        "projects",
        ["seq"],
        sqlite_where=sa.text("removed"),
        postgresql_where=sa.text("removed"),
    )
    op.create_table(
        "queues",
        sa.Column("org_id", _words, autoincrement=False, nullable=False),
        sa.Column("name", _words, autoincrement=False, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("org_id", "name"),
    )
    op.create_table(
        "runs",
        sa.Column("id", _words, autoincrement=False, nullable=False),
        sa.Column("task_seq", _whole, nullable=False),
        sa.Column("job_seq", _whole, nullable=False),
        sa.Column("task_id", _words, nullable=False),
        sa.Column("job_id", _words, nullable=False),
        sa.Column("map_index", _whole, nullable=False),
        sa.Column("number", _whole, nullable=False),
        sa.Column("fence", _whole, nullable=False),
        sa.Column("route", _words, nullable=False),
        sa.Column("state", _words, nullable=False),
        sa.Column("node_id", _words, nullable=True),
        sa.Column("claim_id", _words, nullable=True),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("offered_at_us", _whole, nullable=False),
        sa.Column("claimed_at_us", _whole, nullable=True),
        sa.Column("started_at_us", _whole, nullable=True),
        sa.Column("finished_at_us", _whole, nullable=True),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("status_text", _words, nullable=True),
        sa.Column("exit_code", _whole, nullable=True),
        sa.Column("signal", _whole, nullable=True),
        sa.Column("failure_code", _words, nullable=True),
        sa.Column("failure_message", _words, nullable=True),
        sa.Column("result", _words, nullable=True),
        sa.Column("usage", _words, nullable=True),
        sa.Column("sequence", _whole, nullable=False),
        sa.Column("updated_at_us", _whole, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_by_number", "runs", ["job_seq", "task_seq", "map_index", "number"], unique=True)
    op.create_index(
        "runs_held",
        "runs",
        ["node_id", "claim_id"],
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )
    op.create_index(
        "runs_offered",
        "runs",
        ["offered_at_us"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_index(
        "runs_queued",
        "runs",
        ["route", "offered_at_us"],
        sqlite_where=sa.text("state = 'queued'"),
        postgresql_where=sa.text("state = 'queued'"),
    )
    op.create_table(
        "samples",
        sa.Column("run_id", _words, autoincrement=False, nullable=False),
        sa.Column("at_us", _whole, autoincrement=False, nullable=False),
        sa.Column("usage", _words, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "at_us"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stamps",
        sa.Column("name", _words, autoincrement=False, nullable=False),
        sa.Column("at_us", _whole, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "hidden_tasks",
        sa.Column("task_seq", _whole, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("task_seq"),
    )
    op.create_table(
        "job_sources",
        sa.Column("job_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("single", sa.Boolean(), nullable=False),
        sa.Column("text", _words, nullable=False),
        sa.PrimaryKeyConstraint("job_seq"),
    )
    op.create_table(
        "task_ranges",
        sa.Column("first_seq", _whole, autoincrement=False, nullable=False),
        sa.Column("last_seq", _whole, nullable=False),
        sa.Column("job_seq", _whole, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("project_id", _words, nullable=False),
        sa.PrimaryKeyConstraint("first_seq"),
    )
    op.create_index("task_ranges_by_project", "task_ranges", ["org_id", "project_id", "first_seq"])
    op.create_table(
        "task_specs",
        sa.Column("seq", _whole, autoincrement=False, nullable=False),
        sa.Column("spec", _words, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "tasks",
        sa.Column("seq", _whole, autoincrement=False, nullable=False),
        sa.Column("id", _words, nullable=False),
        sa.Column("job_seq", _whole, nullable=False),
        sa.Column("job_id", _words, nullable=False),
        sa.Column("position", _whole, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("state", _words, nullable=False),
        sa.Column("route", _words, nullable=False),
        sa.Column("run_when", _words, nullable=False),
        sa.Column("rank", _whole, nullable=False),
        sa.Column("height", _whole, nullable=False),
        sa.Column("max_attempts", _whole, nullable=False),
        sa.Column("retry_delay_s", _whole, nullable=False),
        sa.Column("attempts", _whole, nullable=False),
        sa.Column("runs", _whole, nullable=False),
        sa.Column("crashes", _whole, nullable=False),
        sa.Column("run_id", _words, nullable=True),
        sa.Column("due_at_us", _whole, nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("started_at_us", _whole, nullable=True),
        sa.Column("finished_at_us", _whole, nullable=True),
        sa.Column("failure_code", _words, nullable=True),
        sa.Column("failure_message", _words, nullable=True),
        sa.Column("map_index", _whole, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    for name, columns in (
        ("tasks_by_id", ["id"]),
        ("tasks_by_name", ["job_seq", "name"]),
        ("tasks_by_position", ["job_seq", "position"]),
    ):
        op.create_index(
            name,
            "tasks",
            columns,
            unique=True,
            sqlite_where=sa.text("map_index = -1"),
            postgresql_where=sa.text("map_index = -1"),
        )
    op.create_index(
        "tasks_failed",
        "tasks",
        ["job_seq", "seq"],
        sqlite_where=sa.text("state = 'failed'"),
        postgresql_where=sa.text("state = 'failed'"),
    )
    op.create_index(
        "tasks_open",
        "tasks",
        ["job_seq", "seq"],
        sqlite_where=sa.text("state IN ('waiting', 'ready', 'queued', 'running')"),
        postgresql_where=sa.text("state IN ('waiting', 'ready', 'queued', 'running')"),
    )
    op.create_index(
        "tasks_ready",
        "tasks",
        ["route", "rank", "job_seq", sa.literal_column("height DESC"), "seq"],
        sqlite_where=sa.text("state = 'ready'"),
        postgresql_where=sa.text("state = 'ready'"),
    )
    op.create_table(
        "template_versions",
        sa.Column("template_id", _words, autoincrement=False, nullable=False),
        sa.Column("number", _whole, autoincrement=False, nullable=False),
        sa.Column("created_by", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("comment", _words, nullable=False),
        sa.Column("job", _words, nullable=False),
        sa.Column("questions", _words, nullable=False),
        sa.PrimaryKeyConstraint("template_id", "number"),
    )
    op.create_table(
        "templates",
        sa.Column("seq", _whole, autoincrement=False, nullable=False),
        sa.Column("id", _words, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("description", _words, nullable=False),
        sa.Column("kind", _words, nullable=False),
        sa.Column("created_by", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("changed_at_us", _whole, nullable=False),
        sa.Column("version", _whole, nullable=False),
        sa.Column("runs", _whole, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("templates_by_id", "templates", ["id"], unique=True)
    op.create_index("templates_by_name", "templates", ["org_id", "name", "seq"])
    op.create_index("templates_by_org", "templates", ["org_id", "seq"])
    op.create_table(
        "tokens",
        sa.Column("id", _words, autoincrement=False, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("role", _words, nullable=False),
        sa.Column("scopes", _words, nullable=False),
        sa.Column("secret_hash", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("expires_at_us", _whole, nullable=True),
        sa.Column("revoked_at_us", _whole, nullable=True),
        sa.Column("user_id", _words, nullable=True),
        sa.Column("node_id", _words, nullable=True),
        sa.Column("used_at_us", _whole, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("tokens_by_org", "tokens", ["org_id", "created_at_us", "id"])
    op.create_table(
        "organizations",
        sa.Column("id", _words, autoincrement=False, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "users",
        sa.Column("id", _words, autoincrement=False, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("name", _words, nullable=False),
        sa.Column("role", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.Column("revoked_at_us", _whole, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("users_by_org", "users", ["org_id", "created_at_us", "id"])
    op.create_table(
        "audit",
        sa.Column("seq", _whole, autoincrement=True, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("at_us", _whole, nullable=False),
        sa.Column("who", _words, nullable=False),
        sa.Column("token_id", _words, nullable=False),
        sa.Column("address", _words, nullable=False),
        sa.Column("method", _words, nullable=False),
        sa.Column("route", _words, nullable=False),
        sa.Column("resource_id", _words, nullable=False),
        sa.Column("status", _whole, nullable=False),
        sa.Column("request_id", _words, nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_by_org", "audit", ["org_id", "seq"])


def downgrade() -> None:
    for table in (
        "outside_runs",
        "audit",
        "organizations",
        "users",
        "chord_parts",
        "chords",
        "counters",
        "deliveries",
        "tallies",
        "events",
        "jobs",
        "kept_answers",
        "keys",
        "leases",
        "logs",
        "log_chunks",
        "secrets",
        "literal_chords",
        "literal_parts",
        "loose_blobs",
        "map_sources",
        "map_values",
        "maps",
        "node_points",
        "nodes",
        "projects",
        "queues",
        "runs",
        "samples",
        "stamps",
        "hidden_tasks",
        "job_sources",
        "task_ranges",
        "task_specs",
        "tasks",
        "template_versions",
        "templates",
        "tokens",
    ):
        op.drop_table(table)
