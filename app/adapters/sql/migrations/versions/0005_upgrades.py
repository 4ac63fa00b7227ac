"""What an upgrade without a stop needs: who uses the tables, and how old a program may be that does."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    support = op.create_table(
        "schema_support",
        sa.Column("oldest", _words, nullable=False),
        sa.PrimaryKeyConstraint("oldest"),
    )
    op.bulk_insert(support, [{"oldest": "0001"}])
    op.create_table(
        "servers",
        sa.Column("id", _words, nullable=False),
        sa.Column("kind", _words, nullable=False),
        sa.Column("host", _words, nullable=False),
        sa.Column("pid", _whole, nullable=False),
        sa.Column("version", _words, nullable=False),
        sa.Column("revision", _words, nullable=False),
        sa.Column("started_at_us", _whole, nullable=False),
        sa.Column("seen_at_us", _whole, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.add_column("keys", sa.Column("until_us", _whole, nullable=True))
