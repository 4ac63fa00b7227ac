"""A map's values in bulk: what is open by its index, what failed by its table, what was canceled by its range."""

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, select

from app.adapters.sql.by_state import IS_OPEN
from app.adapters.sql.maps import value_view
from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement, is_one_of
from app.adapters.sql.tables import failed_tasks, runs, tasks
from app.domain.map import Map, first_seq
from app.ports.records import Page, ValueView
from app.ports.strips import Cell
from app.wire.states import TaskState

_between = tasks.c.seq.between(bindparam("first"), bindparam("last"))
_of_job = tasks.c.job_seq == bindparam("job_seq")
_failed_between = and_(
    failed_tasks.c.job_seq == bindparam("job_seq"), failed_tasks.c.seq.between(bindparam("first"), bindparam("last"))
)


def _number_of(seq: ColumnElement[int]) -> ColumnElement[int]:
    return (seq - bindparam("origin")).op("/", precedence=9)(bindparam("size"))


_number = _number_of(tasks.c.seq)


def _counted(*conditions: ColumnElement[bool]) -> Select[tuple[int, str, int]]:
    return _grouped(select(_number.label("number"), tasks.c.state.label("state")).where(_of_job, _between, *conditions))


def _grouped(found: Select[int, str]) -> Select[tuple[int, str, int]]:
    cells = found.subquery()
    return select(cells.c.number, cells.c.state, func.count()).group_by(cells.c.number, cells.c.state)


_failed: ColumnElement[str] = literal_column(f"'{TaskState.FAILED.value}'")
_cells_of = {
    "open": Statement(_counted(IS_OPEN)),
    "failed": Statement(
        _grouped(select(_number_of(failed_tasks.c.seq).label("number"), _failed.label("state")).where(_failed_between))
    ),
    "canceled": Statement(_counted(is_one_of(tasks.c.state, TaskState.CANCELED.value))),
}
_failed_views = Statement(
    select(*tasks.columns, *runs.columns)
    .select_from(
        failed_tasks.join(tasks, tasks.c.seq == failed_tasks.c.seq).outerjoin(runs, runs.c.id == tasks.c.run_id)
    )
    .where(_failed_between)
    .order_by(failed_tasks.c.seq)
    .limit(bindparam("most"))
)


class StripReads(Part):
    def cells(self, a_map: Map, size: int) -> list[Cell]:
        first = first_seq(a_map.task_seq)
        span = {"job_seq": a_map.job_seq, "first": first, "last": a_map.task_seq - 1}
        found = []
        for name, wanted in (("open", a_map.live), ("failed", a_map.failed), ("canceled", a_map.canceled)):
            rows = self._session.rows(_cells_of[name], **span, origin=first, size=size) if wanted else []
            found += [Cell(number=row[0], state=TaskState(row[1]), count=row[2]) for row in rows]
        return sorted(found, key=lambda cell: (cell.number, cell.state))

    def failed_values(self, a_map: Map, page: Page) -> list[ValueView]:
        first = first_seq(a_map.task_seq) + (page.after[0] + 1 if page.after else 0)
        span = {"job_seq": a_map.job_seq, "first": first, "last": a_map.task_seq - 1}
        return [value_view(row) for row in self._session.rows(_failed_views, **span, most=page.limit)]
