"""Webhooks: what a job's owner wants to be told, and how that is written down in the transaction in which it happens.

A job without webhooks costs nothing here. The engine sends what is written (`deliveries.py`).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from app.domain.job import Job
from app.domain.task import Task
from app.domain.times import rfc3339
from app.ports.hooks import Delivery
from app.ports.store import Writer
from app.services import hook_secrets
from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, TaskState

ENDED: Final = "ended"
EVENTS: Final = tuple(
    f"{what}.{state}"
    for what, states in (("job", JOB_TERMINAL), ("task", TASK_TERMINAL))
    for state in (ENDED, *sorted(states))
)
"""What may be asked for: `job.ended` is each of `job.succeeded`, `job.failed` and `job.canceled`; tasks likewise."""

DEFAULT: Final = ("job.ended",)


def note_job(tx: Writer, job: Job) -> None:
    """The job has come into its state just now."""
    if job.webhooks and job.state in JOB_TERMINAL:
        _write(tx, job, [(f"job.{job.state}", None, {"job": _job(job)})])


def note_tasks(tx: Writer, job: Job, moved: Iterable[tuple[Task, TaskState]]) -> None:
    """Tasks of the job, as they were, have come into these states just now."""
    if job.webhooks and any(name.startswith("task.") for hook in job.webhooks for name in wanted(hook)):
        ended = ((task, state) for task, state in moved if state in TASK_TERMINAL)
        _write(tx, job, [(f"task.{state}", task.id, _told(job, task, state)) for task, state in ended])


def wanted(hook: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(hook.get("events") or DEFAULT)


def shown(hooks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """As a job or a template shows them: without their secrets."""
    hidden = (hook_secrets.CLEAR, hook_secrets.SEALED)
    return [{name: value for name, value in hook.items() if name not in hidden} for hook in hooks]


def _write(tx: Writer, job: Job, happened: Iterable[tuple[str, str | None, dict[str, Any]]]) -> None:
    tx.add_deliveries(
        [
            _delivery(job, place, event, task_id, told, tx.now_us)
            for event, task_id, told in happened
            for place, hook in enumerate(job.webhooks)
            if {event, f"{event.partition('.')[0]}.{ENDED}"}.intersection(wanted(hook))
        ]
    )


def _delivery(job: Job, place: int, event: str, task_id: str | None, told: Mapping[str, Any], now_us: int) -> Delivery:
    """A thing ends at one time in a state, so that this is an id of nothing else."""
    made = uuid5(NAMESPACE_URL, f"{job.id}/{task_id or ''}/{event}/{place}/{now_us}")
    return Delivery(
        id=str(made),
        org_id=job.org_id,
        job_seq=job.seq,
        job_id=job.id,
        task_id=task_id,
        hook=place,
        event=event,
        body={"id": str(made), "event": event, "time": rfc3339(now_us), **told},
        created_at_us=now_us,
        since_us=now_us,
        due_at_us=now_us,
    )


def _told(job: Job, task: Task, state: TaskState) -> dict[str, Any]:
    named = {"id": job.id, "name": job.name, "queue": job.queue, "projectId": job.project_id, "labels": job.labels}
    return {"job": named, "task": {"id": task.id, "name": task.name, "state": state.value}}


def _job(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "name": job.name,
        "queue": job.queue,
        "projectId": job.project_id,
        "labels": job.labels,
        "state": job.state.value,
        "counts": {state.value: count for state, count in job.counts.items() if count},
        "error": job.failure.to_wire() if job.failure else None,
        "createdAt": rfc3339(job.created_at_us),
        "startedAt": None if job.started_at_us is None else rfc3339(job.started_at_us),
        "finishedAt": None if job.finished_at_us is None else rfc3339(job.finished_at_us),
    }
