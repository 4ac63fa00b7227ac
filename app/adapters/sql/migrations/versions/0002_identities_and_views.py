"""Users know who they are at an identity provider, and secrets when they were last used; views of the
list of jobs are saved; jobs with webhooks are found without looking at the others.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("issuer", _words, nullable=True))
        users.add_column(sa.Column("subject", _words, nullable=True))
    with op.batch_alter_table("secrets", table_kwargs={"sqlite_with_rowid": False}) as secrets:
        secrets.add_column(sa.Column("used_at_us", _whole, nullable=True))
    op.create_table(
        "views",
        sa.Column("org_id", _words, autoincrement=False, nullable=False),
        sa.Column("owner", _words, autoincrement=False, nullable=False),
        sa.Column("name", _words, autoincrement=False, nullable=False),
        sa.Column("id", _words, nullable=False),
        sa.Column("filters", _words, nullable=False),
        sa.Column("created_at_us", _whole, nullable=False),
        sa.PrimaryKeyConstraint("org_id", "owner", "name"),
        sqlite_with_rowid=False,
    )
    hooked = sa.text("webhooks <> '[]'")
    op.create_index("jobs_hooked", "jobs", ["seq"], sqlite_where=hooked, postgresql_where=hooked)


def downgrade() -> None:
    op.drop_index("jobs_hooked", "jobs")
    op.drop_table("views")
    with op.batch_alter_table("secrets", table_kwargs={"sqlite_with_rowid": False}) as secrets:
        secrets.drop_column("used_at_us")
    with op.batch_alter_table("users") as users:
        users.drop_column("subject")
        users.drop_column("issuer")
