"""Queues that can be operated: limits, and how many of their runs ended in each minute."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_paused = sa.text("paused")


def upgrade() -> None:
    op.create_index("queues_paused", "queues", ["org_id", "name"], sqlite_where=_paused, postgresql_where=_paused)
    op.create_table(
        "queue_limits",
        sa.Column("name", _words, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        sa.Column("max_running", _whole, nullable=True),
        sa.Column("max_starts", _whole, nullable=True),
        sa.Column("next_start_us", _whole, nullable=False),
        sa.PrimaryKeyConstraint("name", "org_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "queue_minutes",
        sa.Column("org_id", _words, nullable=False),
        sa.Column("at_us", _whole, autoincrement=False, nullable=False),
        sa.Column("queue", _words, nullable=False),
        sa.Column("ended", _whole, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "at_us", "queue"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("queue_minutes")
    op.drop_table("queue_limits")
    op.drop_index("queues_paused", "queues")
