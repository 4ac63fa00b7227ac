"""Pages by number, in memory."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from app.adapters.memory.state import State
from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ports.numbered import Phase, Spot, Wanted
from app.ports.records import TaskView
from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, JobState, TaskState

T = TypeVar("T")


class NumberedReads:
    _state: State
    _view: Callable[[int], TaskView]

    def jobs_by_number(self, wanted: Wanted, spot: Spot) -> list[Job]:
        return _cut(list(self._jobs_in(wanted)), spot)

    def tasks_by_number(self, wanted: Wanted, spot: Spot) -> list[TaskView]:
        return [self._view(seq) for seq in _cut(list(self._tasks_in(wanted)), spot)]

    def runs_by_number(self, wanted: Wanted, spot: Spot) -> list[Run]:
        return _cut(list(self._runs_in(wanted)), spot)

    def number_of_jobs(self, wanted: Wanted, most: int) -> int:
        return min(most, sum(1 for _ in self._jobs_in(wanted)))

    def number_of_tasks(self, wanted: Wanted, most: int) -> int:
        return min(most, sum(1 for _ in self._tasks_in(wanted)))

    def number_of_runs(self, wanted: Wanted, most: int) -> int:
        return min(most, sum(1 for _ in self._runs_in(wanted)))

    def jobs_by_seq(self, job_seqs: Collection[int]) -> Mapping[int, Job]:
        return {seq: job for seq in job_seqs if (job := self._state.jobs.get(seq)) is not None}

    def specs_by_seq(self, task_seqs: Collection[int]) -> Mapping[int, TaskSpec]:
        return {seq: spec for seq in task_seqs if (spec := self._state.specs.get(seq)) is not None}

    def job_times(self, job_seqs: Collection[int]) -> Mapping[int, int]:
        return {seq: at_us for seq in job_seqs if (at_us := self._state.job_updates.get(seq)) is not None}

    def running_progress(self, job_seqs: Collection[int]) -> Mapping[int, float]:
        found: dict[int, float] = {}
        for job_seq in set(job_seqs):
            for _, seq in self._state.tasks_of_job.of(job_seq):
                task = self._state.tasks[seq]
                run = self._state.runs.get(task.run_id or "")
                if task.state is TaskState.RUNNING and run is not None:
                    found[job_seq] = found.get(job_seq, 0.0) + run.progress
        return found

    def run_times(self, run_ids: Collection[str]) -> Mapping[str, int]:
        return {run_id: at_us for run_id in run_ids if (at_us := self._state.run_updates.get(run_id)) is not None}

    def _visible(self, wanted: Wanted) -> Iterator[Job]:
        for seq in self._state.jobs_of_org.of(wanted.org_id):
            if not self._state.jobs[seq].removed:
                yield self._state.jobs[seq]

    def _jobs_in(self, wanted: Wanted) -> Iterator[Job]:
        return (job for job in self._visible(wanted) if wanted.phase in (None, _phase_of_job(job.state)))

    def _seqs(self, wanted: Wanted) -> list[int]:
        return [job.seq for job in self._visible(wanted)] if wanted.job_seq is None else [wanted.job_seq]

    def _tasks_in(self, wanted: Wanted) -> Iterator[int]:
        for job_seq in self._seqs(wanted):
            for _, seq in self._state.tasks_of_job.of(job_seq):
                if wanted.phase in (None, _phase_of_task(self._state.tasks[seq].state)):
                    yield seq

    def _runs_in(self, wanted: Wanted) -> Iterator[Run]:
        for job_seq in self._seqs(wanted):
            for key in self._state.runs_of_job.of(job_seq):
                if wanted.task_seq is None or (wanted.first_seq or 0) <= key[0] <= wanted.task_seq:
                    yield self._state.runs[key[-1]]


def _phase_of_job(state: JobState) -> Phase:
    if state in JOB_TERMINAL:
        return Phase.ENDED
    return Phase.RUNNING if state is JobState.RUNNING else Phase.PENDING


def _phase_of_task(state: TaskState) -> Phase:
    if state in TASK_TERMINAL:
        return Phase.ENDED
    return Phase.RUNNING if state is TaskState.RUNNING else Phase.PENDING


def _cut(found: Sequence[T], spot: Spot) -> list[T]:
    ordered = list(reversed(found)) if spot.newest_first else list(found)
    return ordered[spot.offset : spot.offset + spot.limit]
