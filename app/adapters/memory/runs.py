"""Changes of tasks and runs in memory, and what may be released next."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

from msgspec import structs

from app.adapters.memory.reader import MemoryReader
from app.adapters.memory.state import run_key
from app.domain.job import Desired
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.store import LARGEST_SEQ
from app.wire.states import TASK_TERMINAL, TaskState


class RunWrites(MemoryReader):
    def insert_tasks(self, tasks: Sequence[Task], specs: Sequence[TaskSpec]) -> None:
        for task, spec in zip(tasks, specs, strict=True):
            self._state.task_seqs.put(task.id, task.seq)
            self._state.named.put((task.job_seq, task.name), task.seq)
            self._state.tasks_of_job.add(task.job_seq, (task.position, task.seq))
            self._state.specs.put(task.seq, structs.replace(spec, values=None))
            self._state.put_task(task)

    def lock_tasks(self, seqs: Collection[int]) -> list[Task]:
        return [self._state.tasks[seq] for seq in sorted(set(seqs)) if seq in self._state.tasks]

    def lock_tasks_in(
        self,
        job_seq: int,
        states: Collection[TaskState],
        limit: int,
        after_seq: int = 0,
        *,
        below_seq: int = LARGEST_SEQ,
    ) -> list[Task]:
        seqs = [seq for _, seq in self._state.tasks_of_job.of(job_seq)]
        if not TASK_TERMINAL.intersection(states):
            seqs += [seq for of in self._state.maps_of_job.of(job_seq) for seq in self._state.values_of.of(of)]
        tasks = map(self._state.tasks.__getitem__, sorted(seq for seq in seqs if after_seq < seq < below_seq))
        return list(islice((task for task in tasks if task.state in states), limit))

    def save_tasks(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            if task.seq in self._state.tasks:
                self._state.put_task(task)

    def specs(self, seqs: Collection[int]) -> Mapping[int, TaskSpec]:
        return {seq: self._state.specs[seq] for seq in seqs if seq in self._state.tasks}

    def ask_specs(self, seqs: Collection[int]) -> Callable[[], Mapping[int, TaskSpec]]:
        return partial(self.specs, seqs)

    def lock_runs(self, run_ids: Collection[str]) -> list[Run]:
        return [self._state.runs[run_id] for run_id in sorted(set(run_ids)) if run_id in self._state.runs]

    def insert_runs(self, runs: Sequence[Run]) -> None:
        for run in runs:
            self._state.runs_of_job.add(run.job_seq, run_key(run))
            self._state.run_updates.put(run.id, self.now_us)
            self._state.put_run(run)

    def save_runs(self, runs: Sequence[Run]) -> None:
        for run in runs:
            if run.id in self._state.runs:
                self._state.run_updates.put(run.id, self.now_us)
                self._state.put_run(run)

    def runs_of_claim(self, node_id: str, claim_id: str) -> list[Run]:
        return [run for run in self.held([node_id]) if run.claim_id == claim_id]

    def ready_routes(self) -> list[str]:
        return [route for route in sorted(self._state.ready.keys()) if any(map(self._may_go, self._ready(route)))]

    def ready_orgs(self, route: str) -> list[tuple[str, int]]:
        best: dict[str, int] = {}
        for task in self._ready(route):
            best.setdefault(task.org_id, task.priority)
        return sorted(best.items())

    def lock_ready(self, route: str, limit: int, org_id: str) -> list[Task]:
        tasks = (task for task in self._ready(route) if task.org_id == org_id)
        return list(islice(filter(self._may_go, tasks), limit))

    def _ready(self, route: str) -> Iterator[Task]:
        return (self._state.tasks[key[-1]] for key in self._state.ready.of(route))

    def _may_go(self, task: Task) -> bool:
        return task.due_at_us <= self.now_us and self._state.desired_of(self._state.jobs[task.job_seq]) is Desired.RUN

    def queued_routes(self) -> list[str]:
        return sorted(self._state.queued.keys())

    def queued_counts(self, routes: Collection[str]) -> Mapping[str, int]:
        counts = {route: self._state.queued.count(route) for route in routes}
        return {route: count for route, count in counts.items() if count}

    def lock_queued(self, route: str, offered_before_us: int, limit: int) -> list[Run]:
        keys = self._state.queued.after(route, None, limit)
        return [self._state.runs[run_id] for offered_at_us, run_id in keys if offered_at_us < offered_before_us]

    def stale_offers(self, offered_before_us: int, limit: int) -> list[Run]:
        keys = sorted(key for route in self._state.queued.keys() for key in self._state.queued.of(route))  # noqa: SIM118  # Index's
        return [self._state.runs[run_id] for offered, run_id in keys[:limit] if offered < offered_before_us]

    def set_task_priority(self, job_seq: int, priority: int) -> None:
        values = [seq for of in self._state.maps_of_job.of(job_seq) for seq in self._state.values_of.of(of)]
        for seq in [*(seq for _, seq in self._state.tasks_of_job.of(job_seq)), *values]:
            task = self._state.tasks[seq]
            if task.is_map or task.state in (TaskState.WAITING, TaskState.READY):
                self._state.put_task(structs.replace(task, priority=priority))
