"""Jobs: what was asked (`JobSpec`), how far it is (`Job`), and the state that follows from the counts of its tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from app.domain import limits
from app.domain.task import TaskSpec
from app.wire.report import Failure
from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, JobState, TaskState


class Desired(StrEnum):
    """What the owner wants of the job; its state is what is so."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a job was made from: a text of the caller's, or, when `single`, one task that is spoken of by itself."""

    text: str = ""
    single: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """One submitted DAG. Tasks refer to each other by name; `app/domain/graph.py` checks that.

    `id` is one that the caller has chosen and that is free. `open`: tasks may be added. `submitted` is what the caller
    wrote and no field here holds, for showing it again.
    """

    name: str
    tasks: tuple[TaskSpec, ...]
    priority: int = limits.DEFAULT_PRIORITY
    project_id: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)  # JSON
    labels: Mapping[str, str] = field(default_factory=dict)
    max_failed_tasks: int | None = None
    continue_on_failure: bool = True
    webhooks: tuple[Any, ...] = ()  # JSON
    template_id: str | None = None
    template_version: int | None = None
    source: Source | None = None
    id: str | None = None
    open: bool = False
    submitted: Mapping[str, Any] = field(default_factory=dict)  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`counts` has the number of tasks in each state and changes in the transaction that changes a task.

    `version` grows with every change by a person (name, priority, labels, desired) and is the entity tag.
    `removed`: its owner has deleted it; nobody sees it any more, and it goes as soon as it has ended. `open`: tasks may
    be added to it until all that it has have ended, and they may be run from outside of the fleet. `traceparent`: the
    trace that it was submitted in (`app/domain/trace.py`).
    """

    seq: int
    id: str
    org_id: str
    project_id: str
    queue: str
    name: str
    state: JobState
    desired: Desired = Desired.RUN
    priority: int
    created_by: str
    created_at_us: int
    started_at_us: int | None = None
    finished_at_us: int | None = None
    failure: Failure | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)  # JSON
    labels: Mapping[str, str] = field(default_factory=dict)
    max_failed_tasks: int | None = None
    continue_on_failure: bool = True
    webhooks: tuple[Any, ...] = ()  # JSON
    counts: Mapping[TaskState, int]
    version: int = 1
    removed: bool = False
    template_id: str | None = None
    template_version: int | None = None
    open: bool = False
    submitted: Mapping[str, Any] = field(default_factory=dict)  # JSON
    traceparent: str | None = None

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def overrun(self) -> bool:
        """More tasks have failed than its owner allows: the rest of it is canceled."""
        allowed = self.max_failed_tasks if self.continue_on_failure else 0
        return allowed is not None and self.counts.get(TaskState.FAILED, 0) > allowed

    @property
    def awaits_tasks(self) -> bool:
        """It has none yet, and some may come: it has not ended."""
        return self.open and not self.total and self.desired is not Desired.CANCEL

    @property
    def progress(self) -> float:
        """Ended tasks over all tasks; 1 for a job without tasks, unless it awaits them."""
        if not self.total:
            return 0.0 if self.awaits_tasks else 1.0
        return sum(self.counts.get(state, 0) for state in TASK_TERMINAL) / self.total


def settle(job: Job, now_us: int) -> Job:
    """The job with the state that follows from its counts and from what its owner wants.

    One with too many failures is to be canceled from here on; the sweep ends what is left of it.
    """
    if job.overrun and job.desired is not Desired.CANCEL:
        job = replace(job, desired=Desired.CANCEL)
    state = _state(job)
    if state is job.state:
        return job
    if state is JobState.PENDING and job.started_at_us is not None:
        state = JobState.RUNNING
    # Order goes before the present where the database's clock has stepped back.
    started = job.started_at_us
    if started is None and state not in (JobState.PENDING, JobState.PAUSED, JobState.CANCELED):
        started = max(now_us, job.created_at_us)
    finished = max(now_us, started or job.created_at_us) if state in JOB_TERMINAL else None
    failure = None
    if state is JobState.FAILED:
        count = job.counts.get(TaskState.FAILED, 0)
        failure = Failure(code="tasks_failed", message=f"{count} of {job.total} tasks failed")
    return replace(job, state=state, started_at_us=started, finished_at_us=finished, failure=failure)


def _state(job: Job) -> JobState:
    ended = sum(job.counts.get(state, 0) for state in TASK_TERMINAL)
    if ended == job.total and not job.awaits_tasks:
        if job.desired is Desired.CANCEL and not job.overrun:
            return JobState.CANCELED
        if job.counts.get(TaskState.FAILED, 0):
            return JobState.FAILED
        return JobState.CANCELED if job.counts.get(TaskState.CANCELED, 0) else JobState.SUCCEEDED
    if job.desired is Desired.PAUSE:
        return JobState.PAUSED
    moved = ended or job.counts.get(TaskState.RUNNING, 0) or job.state is JobState.RUNNING
    return JobState.RUNNING if moved else JobState.PENDING
