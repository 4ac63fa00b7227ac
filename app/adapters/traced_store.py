"""Spans from what is written: a job, task or run that a transaction ends is told of after its commit.

It stands around any store, so that no service need think of it: whatever ends something, a report, a lease that is
over, a cancel, writes it. Only the store of a process that traces is one of these.

    request  the caller's, or else the root (app/rest/tracing.py)
    └ job    from its submission to its end
      └ task    from the start of its first run; of a map from when it was opened
        └ run   on its node; what its program tells itself hangs below this one (app/services/assign.py)
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

from app.domain import trace
from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import Task
from app.domain.trace import Context, span_of
from app.ports.store import Reader, Store, Writer
from app.ports.tracer import Span, Tracer
from app.wire.report import Failure
from app.wire.states import JOB_TERMINAL, RUN_TERMINAL, JobState, RunState, TaskState

T = TypeVar("T")
_US = 1_000_000
_WELL = frozenset({"succeeded", "canceled"})


class TracedStore:
    def __init__(self, inner: Store, tracer: Tracer) -> None:
        self._inner, self._tracer = inner, tracer

    def read(self, work: Callable[[Reader], T]) -> T:
        return self._inner.read(work)

    def write(self, work: Callable[[Writer], T]) -> T:
        def watched(tx: Writer) -> tuple[T, list[Span]]:
            watch = Watch(tx)
            outcome = work(cast(Writer, watch))  # it passes on whatever it does not look at
            return outcome, list(watch.spans())

        outcome, spans = self._inner.write(watched)
        if spans:
            self._tracer.tell(spans)
        return outcome

    def close(self) -> None:
        self._inner.close()


class Watch:
    """A writer that remembers what ended in its transaction."""

    def __init__(self, tx: Writer) -> None:
        self._tx = tx
        self._jobs: dict[int, Job] = {}
        self._tasks: dict[int, Task] = {}
        self._runs: dict[str, Run] = {}

    def __getattr__(self, name: str) -> Any:  # whatever a writer has
        return getattr(self._tx, name)

    def insert_job(self, job: Job) -> None:
        self._tx.insert_job(job)
        self._see_jobs([job])

    def save_jobs(self, jobs: Sequence[Job]) -> None:
        self._tx.save_jobs(jobs)
        self._see_jobs(jobs)

    def save_tasks(self, tasks: Sequence[Task]) -> None:
        self._tx.save_tasks(tasks)
        ended = (task for task in tasks if task.ended and task.started_at_us and task.map_index is None)
        self._tasks |= {task.seq: task for task in ended}

    def save_runs(self, runs: Sequence[Run]) -> None:
        self._tx.save_runs(runs)
        self._runs |= {run.id: run for run in runs if run.state in RUN_TERMINAL and run.claimed_at_us}

    def _see_jobs(self, jobs: Sequence[Job]) -> None:
        """One that ended before is saved again when its labels change, say."""
        ended = (job for job in jobs if job.state in JOB_TERMINAL and (job.finished_at_us or 0) >= self._tx.now_us)
        self._jobs |= {job.seq: job for job in ended}

    def spans(self) -> Iterator[Span]:
        for job in self._jobs.values():
            if context := _recorded(job.traceparent):
                yield _of_job(job, context)
        if not self._tasks and not self._runs:
            return
        specs = self._tx.specs({*self._tasks, *(run.owner_seq for run in self._runs.values())})
        for task in self._tasks.values():
            if (spec := specs.get(task.seq)) and (context := _recorded(spec.traceparent)):
                yield _of_task(task, spec.executor, context)
        for run in self._runs.values():
            if (spec := specs.get(run.owner_seq)) and (context := _recorded(spec.traceparent)):
                yield _of_run(run, spec.name, context)


def _recorded(traceparent: str | None) -> Context | None:
    context = trace.read(traceparent) if traceparent else None
    return context if context and context.sampled else None


def _of_job(job: Job, context: Context) -> Span:
    return Span(
        name=f"job {job.name}",
        trace=context.trace,
        span=span_of("job", job.id),
        parent=context.span,
        start_us=job.created_at_us,
        end_us=job.finished_at_us or job.created_at_us,
        failed=_said(job.state, job.failure),
        attributes={
            "flotilla.job.id": job.id,
            "flotilla.job.state": job.state.value,
            "flotilla.queue": job.queue,
            "flotilla.org.id": job.org_id,
            "flotilla.tasks": job.total,
        },
    )


def _of_task(task: Task, executor: str, context: Context) -> Span:
    return Span(
        name=f"task {task.name}",
        trace=context.trace,
        span=span_of("task", task.id),
        parent=span_of("job", task.job_id),
        start_us=task.started_at_us or task.created_at_us,
        end_us=task.finished_at_us or task.created_at_us,
        failed=_said(task.state, task.failure),
        attributes={
            "flotilla.task.id": task.id,
            "flotilla.task.state": task.state.value,
            "flotilla.job.id": task.job_id,
            "flotilla.executor": executor,
            "flotilla.attempts": task.attempts,
        },
    )


def _of_run(run: Run, task: str, context: Context) -> Span:
    start = run.started_at_us or run.claimed_at_us or run.created_at_us
    attributes: dict[str, str | int | float | bool] = {
        "flotilla.run.id": run.id,
        "flotilla.run.number": run.number,
        "flotilla.run.state": run.state.value,
        "flotilla.task.id": run.task_id,
        "flotilla.job.id": run.job_id,
        "flotilla.waited_s": (start - run.created_at_us) / _US,
    }
    given = {"flotilla.map.index": run.map_index, "flotilla.node.id": run.node_id, "process.exit.code": run.exit_code}
    attributes |= {key: value for key, value in given.items() if value is not None}
    if usage := run.usage:
        attributes["flotilla.cpu_s"] = usage.cpu_user_s + usage.cpu_system_s
        attributes["flotilla.peak_rss_bytes"] = usage.peak_rss_bytes
    return Span(
        name=f"run {task}",
        trace=context.trace,
        span=span_of("run", run.id),
        parent=span_of("task", run.task_id),
        start_us=start,
        end_us=run.finished_at_us or start,
        failed=_said(run.state, run.failure),
        attributes=attributes,
    )


def _said(state: JobState | TaskState | RunState, failure: Failure | None) -> str | None:
    if state.value in _WELL:
        return None
    return failure.message if failure else state.value
