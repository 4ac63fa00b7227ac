"""Whose is a ready task, so that organizations share the fleet; and when did a job end, so that old ones can go."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_READY = sa.text("state = 'ready'")
_ENDED = sa.text("finished_at_us IS NOT NULL")
_ORDER: list[Any] = ["rank", "job_seq", sa.literal_column("height DESC"), "seq"]


def upgrade() -> None:
    op.add_column("tasks", sa.Column("org_id", _words, nullable=False, server_default=sa.text("''")))
    # What has ended keeps the empty name: it would only matter if it ran again, as an organization by itself.
    op.execute(
        "UPDATE tasks SET org_id = (SELECT jobs.org_id FROM jobs WHERE jobs.seq = tasks.job_seq) "
        "WHERE state IN ('waiting', 'ready', 'queued', 'running')"
    )
    op.drop_index("tasks_ready", table_name="tasks")
    op.create_index("tasks_ready", "tasks", ["route", "org_id", *_ORDER], sqlite_where=_READY, postgresql_where=_READY)
    op.create_index(
        "jobs_by_finish",
        "jobs",
        ["org_id", "finished_at_us", "seq"],
        sqlite_where=_ENDED,
        postgresql_where=_ENDED,
    )


def downgrade() -> None:
    op.drop_index("jobs_by_finish", table_name="jobs")
    op.drop_index("tasks_ready", table_name="tasks")
    op.create_index("tasks_ready", "tasks", ["route", *_ORDER], sqlite_where=_READY, postgresql_where=_READY)
    op.drop_column("tasks", "org_id")
