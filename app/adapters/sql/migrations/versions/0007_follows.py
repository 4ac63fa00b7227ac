"""Which run is to succeed before this one, which was given out with it, begins."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("follows", sa.Text().with_variant(sa.Text(collation="C"), "postgresql")))


def downgrade() -> None:
    op.drop_column("runs", "follows")
