"""A map's values in bulk: what is open and what failed by their indexes, what was canceled by its range."""

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from app.adapters.sql.maps import value_view
from app.adapters.sql.part import Part
from app.adapters.sql.statement import Statement, is_one_of
from app.adapters.sql.tables import OPEN_TASKS, runs, tasks
from app.domain.map import Map, first_seq
from app.ports.records import Page, ValueView
from app.ports.strips import Cell
from app.wire.states import TaskState

_number = (tasks.c.seq - bindparam("origin")).op("/", precedence=9)(bindparam("size"))
_between = tasks.c.seq.between(bindparam("first"), bindparam("last"))
_of_job = tasks.c.job_seq == bindparam("job_seq")


def _counted(*conditions: ColumnElement[bool]) -> Select[tuple[int, str, int]]:
    found = select(_number.label("number"), tasks.c.state.label("state")).where(*conditions).subquery()
    return select(found.c.number, found.c.state, func.count()).group_by(found.c.number, found.c.state)


_failed = is_one_of(tasks.c.state, TaskState.FAILED.value)
_cells_of = {
    "open": Statement(_counted(_of_job, _between, is_one_of(tasks.c.state, *OPEN_TASKS))),
    "failed": Statement(_counted(_of_job, _between, _failed)),
    "canceled": Statement(_counted(_of_job, _between, is_one_of(tasks.c.state, TaskState.CANCELED.value))),
}
_failed_views = Statement(
    select(*tasks.columns, *runs.columns)
    .select_from(tasks.outerjoin(runs, runs.c.id == tasks.c.run_id))
    .where(_of_job, _between, _failed)
    .order_by(tasks.c.seq)
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
