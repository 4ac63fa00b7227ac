"""Nodes: the protocol they speak, how far their clock is off, and why one was turned away."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("nodes", sa.Column("protocol", _whole, nullable=True))
    op.add_column("nodes", sa.Column("clock_skew_ms", _whole, nullable=True))
    op.add_column("nodes", sa.Column("refused", _words, nullable=True))


def downgrade() -> None:
    for column in ("refused", "clock_skew_ms", "protocol"):
        op.drop_column("nodes", column)
