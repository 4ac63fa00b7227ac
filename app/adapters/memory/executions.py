"""Runs beside their tasks, and what has changed since, in memory."""

from collections.abc import Iterator

from app.adapters.memory.state import State
from app.domain.job import Job
from app.ports.executions import Execution, Which, Window
from app.ports.records import Page
from app.wire.states import TaskState


class ExecutionReads:
    _state: State

    def executions(self, job_seq: int, which: Which, page: Page) -> list[Execution]:
        return _window(self._executions(job_seq, which), page)

    def changed_executions(self, job_seq: int, after_us: int, page: Page) -> list[Execution]:
        return _window(self._changed(job_seq, after_us), page)

    def changed_jobs(self, org_id: str, queue: str, window: Window, page: Page) -> list[tuple[int, Job]]:
        found = sorted((at_us, job.seq, job) for at_us, job in self._changed_jobs(org_id, queue, window))
        later = [(at_us, job) for at_us, seq, job in found if page.after is None or (at_us, seq) > page.after]
        return later[: page.limit]

    def count_jobs(self, org_id: str, queue: str) -> int:
        return sum(1 for _ in self._jobs(org_id, queue))

    def count_changed_jobs(self, org_id: str, queue: str, window: Window) -> int:
        return sum(1 for _ in self._changed_jobs(org_id, queue, window))

    def count_executions(self, job_seq: int, which: Which) -> int:
        return sum(1 for _ in self._executions(job_seq, which))

    def count_changed_executions(self, job_seq: int, after_us: int) -> int:
        return sum(1 for _ in self._changed(job_seq, after_us))

    def _executions(self, job_seq: int, which: Which) -> Iterator[Execution]:
        ran = set()
        for key in self._state.runs_of_job.of(job_seq):
            run = self._state.runs[key[-1]]
            task = self._state.tasks[run.task_seq]
            ran.add(task.seq)
            failed = task.state is TaskState.FAILED
            if {"failed": failed, "others": not failed, "claimed": run.claimed_at_us is not None}[which]:
                yield Execution(task=task, run=run)
        for _, seq in self._state.tasks_of_job.of(job_seq) if which == "failed" else ():
            task = self._state.tasks[seq]
            if task.state is TaskState.FAILED and seq not in ran:
                yield Execution(task=task, run=None)

    def _changed(self, job_seq: int, after_us: int) -> Iterator[Execution]:
        for key in self._state.runs_of_job.of(job_seq):
            run = self._state.runs[key[-1]]
            if self._state.run_updates[run.id] > after_us:
                yield Execution(task=self._state.tasks[run.task_seq], run=run)

    def _jobs(self, org_id: str, queue: str) -> Iterator[Job]:
        for seq in self._state.jobs_of_org.of(org_id):
            job = self._state.jobs[seq]
            if job.queue == queue and not job.removed:
                yield job

    def _changed_jobs(self, org_id: str, queue: str, window: Window) -> Iterator[tuple[int, Job]]:
        for job in self._jobs(org_id, queue):
            at_us = self._state.job_updates[job.seq]
            if window.after_us < at_us < window.before_us:
                yield at_us, job


def _window(found: Iterator[Execution], page: Page) -> list[Execution]:
    ordered = sorted(found, key=lambda one: one.key)
    return [one for one in ordered if page.after is None or one.key > page.after][: page.limit]
