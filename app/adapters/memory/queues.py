"""Queues in memory."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest

from app.adapters.memory.state import State
from app.domain.job import Job
from app.domain.map import Map
from app.domain.run import Run
from app.ports.queues import Occupancy
from app.ports.records import Queue
from app.wire.states import JOB_TERMINAL, RunState, TaskState


class QueueReads:
    _state: State

    def queues(self, org_id: str) -> list[Queue]:
        found = [queue for queue in self._state.queues if queue.org_id == org_id]
        return sorted(found, key=lambda queue: queue.name)

    def queue(self, org_id: str, name: str) -> Queue | None:
        return self._state.queues.get((org_id, name))

    def ask_queue(self, org_id: str, name: str) -> Callable[[], Queue | None]:
        found = self.queue(org_id, name)
        return lambda: found

    def limited_queues(self, names: Collection[str]) -> Callable[[], list[Queue]]:
        found = [queue for queue in self._state.queues if queue.limited and queue.name in names]
        return lambda: sorted(found, key=lambda queue: (queue.name, queue.org_id))

    def occupancies(self, org_id: str) -> Mapping[str, Occupancy]:
        held = [run for run in self._state.runs if _is_held(run)]
        found = {}
        for name in {self._state.jobs[seq].queue for seq in self._state.jobs_of_org.of(org_id)}:
            runs = [run for run in held if self._is_of(run, org_id, name)]
            maps = [a_map for a_map in self._state.maps if self._waits(a_map, org_id, name)]
            left = sum(map(_left, maps)) - sum(run.map_index is not None for run in runs)
            oldest_us = min((self._state.jobs[each.job_seq].created_at_us for each in maps), default=None)
            if runs or maps:
                found[name] = Occupancy(running=len(runs), values=max(0, left), oldest_us=oldest_us)
        return found

    def _waits(self, a_map: Map, org_id: str, name: str) -> bool:
        job = self._state.jobs[a_map.job_seq]
        is_open = job.state not in JOB_TERMINAL and self._state.tasks[a_map.task_seq].state is TaskState.RUNNING
        return is_open and (job.org_id, job.queue) == (org_id, name) and not a_map.closing and _left(a_map) > 0

    def out_of_queue(self, org_id: str, name: str) -> int:
        return sum(
            (_is_held(run) or run.state is RunState.QUEUED) and self._is_of(run, org_id, name)
            for run in self._state.runs
        )

    def _is_of(self, run: Run, org_id: str, name: str) -> bool:
        job = self._state.jobs[run.job_seq]
        return (job.org_id, job.queue) == (org_id, name)

    def tasks_since(self, org_id: str, since_us: int, most: int) -> tuple[Mapping[str, int], int]:
        jobs = [self._state.jobs[seq] for seq in nlargest(most, self._state.jobs_of_org.of(org_id))]
        jobs = [job for job in jobs if job.created_at_us >= since_us]
        counts: Counter[str] = Counter()
        for job in jobs:
            counts[job.queue] += sum(job.counts.values()) + self._values(job)
        return dict(counts), min(job.created_at_us for job in jobs) if len(jobs) >= most else since_us

    def _values(self, job: Job) -> int:
        return sum(self._state.maps[seq].total or 0 for seq in self._state.maps_of_job.of(job.seq))

    def ended_since(self, org_id: str, since_us: int) -> Mapping[str, int]:
        counts: Counter[str] = Counter()
        for (at_us, name), count in self._state.queue_minutes.get(org_id) or ():
            if at_us >= since_us:
                counts[name] += count
        return dict(counts)


class QueueWrites(QueueReads):
    def save_queue(self, queue: Queue) -> None:
        known = self._state.queues.get((queue.org_id, queue.name))
        self._state.queues.put((queue.org_id, queue.name), _with_limits(queue, known))

    def save_limits(self, queue: Queue) -> None:
        known = self._state.queues[queue.org_id, queue.name]
        self._state.queues.put((queue.org_id, queue.name), _with_limits(known, queue))

    def lock_offered(self, org_id: str, name: str, limit: int) -> list[Run]:
        queued = [run for run in self._state.runs if run.state is RunState.QUEUED and self._is_of(run, org_id, name)]
        return sorted(queued, key=lambda run: (run.offered_at_us, run.id))[:limit]

    def add_ended(self, minute_us: int, ended: Sequence[tuple[str, str, int]], before_us: int) -> None:
        for org_id, name, count in ended:
            counts = dict(self._state.queue_minutes.get(org_id) or ())
            key = (minute_us, name)
            counts[key] = counts.get(key, 0) + count
            kept = tuple((key, value) for key, value in counts.items() if key[0] >= before_us)
            self._state.queue_minutes.put(org_id, kept)


def _with_limits(queue: Queue, limits: Queue | None) -> Queue:
    if limits is None or not limits.limited:
        return replace(queue, max_running=None, max_starts=None, next_start_us=0)
    return replace(
        queue, max_running=limits.max_running, max_starts=limits.max_starts, next_start_us=limits.next_start_us
    )


def _is_held(run: Run) -> bool:
    return run.state is RunState.RUNNING and run.node_id is not None


def _left(a_map: Map) -> int:
    return 0 if a_map.total is None else a_map.total - a_map.succeeded - a_map.failed - a_map.canceled
