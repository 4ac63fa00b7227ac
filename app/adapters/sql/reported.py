"""What every batch of reports begins with: that the node is known, its runs and their tasks, in one round trip."""

from collections.abc import Collection

from sqlalchemy import bindparam, select

from app.adapters.sql.nodes import NodeWrites
from app.adapters.sql.runs import RunWrites, run_of
from app.adapters.sql.statement import Statement, among, now_us
from app.adapters.sql.tables import nodes, runs, tasks
from app.adapters.sql.tasks import locked
from app.domain.run import Run

_WIDTH = len(runs.columns)
_known = Statement(select(now_us()).where(nodes.c.id == bindparam("id")))
_locked = Statement(
    select(*runs.columns, *tasks.columns)
    .select_from(runs.join(tasks, tasks.c.seq == runs.c.task_seq))
    .where(among(runs.c.id, "ids"))
    .order_by(runs.c.id)
    .with_for_update()
)


class ReportedWrites(RunWrites, NodeWrites):
    def lock_reported(self, node_id: str, run_ids: Collection[str]) -> list[Run] | None:
        known = self._session.ask(_known, id=node_id)
        if self._session.kind == "sqlite":  # which has no round trips to spare
            return self.lock_runs(run_ids) if known() else None
        found = self._session.rows(_locked, ids=self._session.listed(run_ids))
        if not known():
            return None
        self._session.not_before(known()[0][0])
        runs = [run_of(row) for row in found]
        self._session.known.update((run.id, run) for run in runs)
        locked(self._session, (row[_WIDTH:] for row in found))
        return runs
