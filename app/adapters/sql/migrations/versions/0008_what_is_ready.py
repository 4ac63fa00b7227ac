"""PostgreSQL's index of what is ready says so in words of its own, so that no other index is taken for it.

While it believes that no task is open, the index of open tasks seemed as good, and each look at what is ready read all
that was open.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COLUMNS: list[Any] = ["route", "org_id", "rank", "job_seq", sa.literal_column("height DESC"), "seq"]


def _make(where: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.drop_index("tasks_ready", table_name="tasks")
        op.create_index("tasks_ready", "tasks", _COLUMNS, postgresql_where=sa.text(where))


def upgrade() -> None:
    _make("(state || '') = 'ready'")


def downgrade() -> None:
    _make("state = 'ready'")
