"""Events to be followed, measurements of the whole, and tallies, in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence

from app.adapters.memory.state import State
from app.domain.job import Desired, Job
from app.ports.gauges import Backlog, TallyKey, Work
from app.ports.records import Event
from app.wire.states import JOB_TERMINAL, RunState, TaskState


class EventReads:
    _state: State

    def last_event(self) -> int:
        return max((event.seq for event in self._state.events), default=0)

    def events_after(self, seq: int, limit: int) -> list[Event]:
        later = [event for event in self._state.events if event.seq > seq]
        return sorted(later, key=lambda event: event.seq)[:limit]

    def event_before(self, org_id: str, newest: int, job_id: str | None = None) -> int:
        seqs = self._state.events_of.of(("org", org_id) if job_id is None else ("job", job_id))
        own = [seq for seq in seqs if self._state.events[seq].org_id == org_id]
        return own[-newest - 1] if len(own) > newest else 0


class GaugeReads:
    _state: State

    def work(self) -> list[Work]:
        counts = Counter((task.route, self._phase(task.job_seq)) for task in self._state.tasks if _is_ready(task.state))
        for run in self._state.runs:
            if run.state is RunState.QUEUED:
                counts[run.route, "queued"] += 1
            elif run.state is RunState.RUNNING and run.node_id is not None:
                counts[run.route, "running"] += 1
        oldest: dict[str, int] = {}
        for task in self._state.tasks:
            if _is_ready(task.state) and self._phase(task.job_seq) == "ready":
                at_us = self._state.jobs[task.job_seq].created_at_us
                oldest[task.route] = min(at_us, oldest.get(task.route, at_us))
        return [
            Work(route=route, phase=phase, count=count, oldest_us=oldest.get(route) if phase == "ready" else None)
            for (route, phase), count in sorted(counts.items())
        ]

    def _phase(self, job_seq: int) -> str:
        return "ready" if self._state.desired_of(self._state.jobs[job_seq]) is Desired.RUN else "held"

    def in_flight(self) -> list[tuple[str, str, int]]:
        counts = Counter(
            (self._state.jobs[run.job_seq].org_id, run.route)
            for run in self._state.runs
            if run.state is RunState.QUEUED or (run.state is RunState.RUNNING and run.node_id is not None)
        )
        return [(*key, count) for key, count in counts.items()]

    def backlogs(self) -> list[Backlog]:
        queues: dict[str, list[Job]] = {}
        for job in self._state.jobs:
            if job.state not in JOB_TERMINAL:
                queues.setdefault(job.queue, []).append(job)
        return [_backlog(queue, queues[queue]) for queue in sorted(queues)]

    def tallies(self) -> Mapping[TallyKey, int]:
        return dict(self._state.tallies)


class TallyWrites(GaugeReads):
    def add_tallies(self, added: Sequence[tuple[TallyKey, int]]) -> None:
        for key, value in added:
            known = self._state.tallies.get(key)
            self._state.tallies.put(key, (key, value + (known[1] if known else 0)))


def _is_ready(state: TaskState) -> bool:
    return state is TaskState.READY


def _backlog(queue: str, jobs: Sequence[Job]) -> Backlog:
    waits = [job.created_at_us for job in jobs if job.counts[TaskState.READY] + job.counts[TaskState.QUEUED]]
    return Backlog(
        queue=queue,
        jobs=Counter(job.state for job in jobs),
        waiting=sum(job.counts[TaskState.WAITING] for job in jobs),
        oldest_us=min(waits, default=None),
    )
