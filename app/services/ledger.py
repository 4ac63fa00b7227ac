"""The changes one transaction makes to tasks' states, written at its end as counts of their jobs and as events.

Jobs are locked last, so that two writers never wait for each other's jobs (`app/ports/store.py` has the order).
"""

from collections import defaultdict

from app.domain.job import Job, settle
from app.domain.task import Task
from app.ports.records import Event
from app.ports.store import Writer
from app.services import hooks
from app.wire.states import TaskState


class Ledger:
    def __init__(self) -> None:
        self._deltas: dict[int, dict[TaskState, int]] = defaultdict(lambda: defaultdict(int))
        self._changes: dict[int, dict[str, tuple[Task, TaskState]]] = defaultdict(dict)

    def moved(self, task: Task, to: TaskState) -> None:
        """`task` as it was before it moved. Values of maps are counted in their maps alone."""
        if task.map_index is not None:
            return
        deltas = self._deltas[task.job_seq]
        deltas[task.state] -= 1
        deltas[to] += 1
        self._changes[task.job_seq][task.id] = task, to

    def write(self, tx: Writer) -> list[Job]:
        """Write all of it; the touched jobs as they now are."""
        if not self._changes:
            return []
        deltas = {seq: {s: n for s, n in row.items() if n} for seq, row in self._deltas.items()}
        before = tx.add_counts(deltas)
        after = [settle(job, tx.now_us) for job in before]
        moved = [job for job, old in zip(after, before, strict=True) if job is not old]
        tx.save_jobs(moved)
        events = [self._event(job, tx.now_us) for job in after]
        tx.add_events([*events, *(job_event(job, tx.now_us) for job in moved)])
        for job in after:
            if job.webhooks:
                hooks.note_tasks(tx, job, self._changes[job.seq].values())
        for job, old in zip(after, before, strict=True):
            if job.state is not old.state:
                hooks.note_job(tx, job)
        return after

    def _event(self, job: Job, now_us: int) -> Event:
        changes = [[task_id, state.value] for task_id, (_, state) in self._changes[job.seq].items()]
        return Event(org_id=job.org_id, job_id=job.id, at_us=now_us, kind="tasks", data=changes)


def job_event(job: Job, now_us: int) -> Event:
    return Event(org_id=job.org_id, job_id=job.id, at_us=now_us, kind="job", data={"state": job.state.value})
