"""Which tasks are ready, and which failed, stands in tables of their own: a task's state is in none of its indexes.

Programs before this one write states into `tasks` alone; until they are gone, triggers write the rest, and the indexes
that they look things up by stay.
"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_whole = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_UNENDED = sa.text("finished_at_us IS NULL")
_READY = "seq, route, org_id, rank, job_seq, height, due_at_us"
_READY_OF_NEW = ", ".join(f"NEW.{name}" for name in _READY.split(", "))
_IN_PLACE = {"tasks": 50, "chords": 50, "chord_parts": 70}
"""Percent of a page of PostgreSQL that new rows fill; in the rest rows are changed."""


def upgrade() -> None:
    if _kind() == "postgresql":  # first: where this has to wait for others, nobody waits for the rest meanwhile
        _run(f"ALTER TABLE {table} SET (fillfactor = {percent})" for table, percent in _IN_PLACE.items())
    numbers = [sa.Column(name, _whole, nullable=False) for name in ("rank", "job_seq", "height", "due_at_us")]
    op.create_table(
        "ready_tasks",
        _key("seq"),
        sa.Column("route", _words, nullable=False),
        sa.Column("org_id", _words, nullable=False),
        *numbers,
    )
    order: list[Any] = ["route", "org_id", "rank", "job_seq", sa.literal_column("height DESC"), "seq"]
    op.create_index("ready_in_order", "ready_tasks", order)
    op.create_table("failed_tasks", _key("job_seq"), _key("seq"), sqlite_with_rowid=False)
    op.create_index("tasks_unended", "tasks", ["job_seq", "seq"], sqlite_where=_UNENDED, postgresql_where=_UNENDED)
    _run(_TRIGGERS[_kind()])
    op.execute(f"INSERT INTO ready_tasks ({_READY}) SELECT {_READY} FROM tasks WHERE state = 'ready'")  # noqa: S608  # own names
    op.execute("INSERT INTO failed_tasks (job_seq, seq) SELECT job_seq, seq FROM tasks WHERE state = 'failed'")


def contract() -> None:
    _run(_NO_TRIGGERS[_kind()])
    for name in ("tasks_ready", "tasks_open", "tasks_failed"):
        op.drop_index(name, table_name="tasks")


def downgrade() -> None:
    """Where nothing has been contracted yet."""
    _run(_NO_TRIGGERS[_kind()])
    op.drop_index("tasks_unended", table_name="tasks")
    op.drop_table("failed_tasks")
    op.drop_table("ready_tasks")


def _key(name: str) -> sa.Column[int]:
    return sa.Column(name, _whole, primary_key=True, autoincrement=False)


def _kind() -> str:
    return op.get_context().dialect.name


def _run(statements: Iterable[str]) -> None:
    for statement in statements:
        op.execute(statement)


_TAKE_OUT = (
    "DELETE FROM ready_tasks WHERE seq = OLD.seq; "
    "DELETE FROM failed_tasks WHERE seq = OLD.seq AND job_seq = OLD.job_seq;"
)
_PUT_IN = (
    f"INSERT INTO ready_tasks ({_READY}) SELECT {_READY_OF_NEW} WHERE NEW.state = 'ready'; "
    "INSERT INTO failed_tasks (job_seq, seq) SELECT NEW.job_seq, NEW.seq WHERE NEW.state = 'failed';"
)
_CHANGE = "UPDATE OF state, route, rank, height, due_at_us"
_FUNCTION = f"""
CREATE FUNCTION write_task_by_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'INSERT' THEN {_TAKE_OUT} END IF;
    IF TG_OP <> 'DELETE' THEN {_PUT_IN} END IF;
    RETURN NULL;
END $$
"""
_TRIGGER = f"""
CREATE TRIGGER task_by_state AFTER INSERT OR DELETE OR {_CHANGE} ON tasks
FOR EACH ROW EXECUTE FUNCTION write_task_by_state()
"""
_TRIGGERS = {
    "sqlite": (
        f"CREATE TRIGGER task_comes AFTER INSERT ON tasks BEGIN {_PUT_IN} END",
        f"CREATE TRIGGER task_goes AFTER DELETE ON tasks BEGIN {_TAKE_OUT} END",
        f"CREATE TRIGGER task_changes AFTER {_CHANGE} ON tasks BEGIN {_TAKE_OUT} {_PUT_IN} END",
    ),
    "postgresql": (_FUNCTION, _TRIGGER),
}
_NO_TRIGGERS = {
    "sqlite": [f"DROP TRIGGER {name}" for name in ("task_comes", "task_goes", "task_changes")],
    "postgresql": ["DROP TRIGGER task_by_state ON tasks", "DROP FUNCTION write_task_by_state()"],
}
