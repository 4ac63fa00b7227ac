"""What every batch of reports begins with: the node's lease, its runs and their tasks, in one round trip."""

from collections.abc import Collection

from sqlalchemy import bindparam, select, update

from app.adapters.sql.nodes import NodeWrites
from app.adapters.sql.runs import RunWrites, run_of
from app.adapters.sql.statement import Statement, among, now_us
from app.adapters.sql.tables import nodes, runs, tasks
from app.adapters.sql.tasks import locked
from app.domain.run import Run
from app.wire.resources import Resources

_WIDTH = len(runs.columns)
_renew = Statement(
    update(nodes)
    .where(nodes.c.id == bindparam("k_id"))
    .values(
        lease_until_us=now_us() + bindparam("lease_us", type_=nodes.c.lease_until_us.type),
        free_cpu_milli=bindparam("free_cpu_milli"),
        free_memory_mib=bindparam("free_memory_mib"),
    )
    .returning(nodes.c.lease_until_us)
)
_locked = Statement(
    select(*runs.columns, *tasks.columns)
    .select_from(runs.join(tasks, tasks.c.seq == runs.c.task_seq))
    .where(among(runs.c.id, "ids"))
    .order_by(runs.c.id)
    .with_for_update()
)


class ReportedWrites(RunWrites, NodeWrites):
    def lock_reported(self, node_id: str, lease_us: int, free: Resources, run_ids: Collection[str]) -> list[Run] | None:
        if self._session.kind == "sqlite":  # which has no round trips to spare, and no clock of its own
            return self.lock_runs(run_ids) if self.renew_lease(node_id, self.now_us + lease_us, free) else None
        lease = {"lease_us": lease_us, "free_cpu_milli": free.cpu_milli, "free_memory_mib": free.memory_mib}
        asked = self._session.ask(_renew, k_id=node_id, **lease)
        found = self._session.rows(_locked, ids=self._session.listed(run_ids))
        renewed = asked()
        if not renewed:
            return None
        self._session.not_before(renewed[0][0] - lease_us)
        runs = [run_of(row) for row in found]
        self._session.known.update((run.id, run) for run in runs)
        locked(self._session, (row[_WIDTH:] for row in found))
        return runs
