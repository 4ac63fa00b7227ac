"""How far a job is, as pieces of a bar; and how long it may still take."""

from collections.abc import Mapping
from typing import Any, Final

from app.domain.job import Job
from app.wire.states import JOB_TERMINAL, TASK_TERMINAL, JobState, TaskState

_ORDER: Final = (
    TaskState.SUCCEEDED,
    TaskState.FAILED,
    TaskState.CANCELED,
    TaskState.SKIPPED,
    TaskState.RUNNING,
    TaskState.QUEUED,
    TaskState.READY,
    TaskState.WAITING,
)
_ENOUGH: Final = 3
_SURE_US: Final = 2_000_000


def pieces(counts: Mapping[Any, int]) -> list[tuple[TaskState, int, float, float]]:
    """(state, how many, where it begins in percent, how wide it is) of those states that there are."""
    total = sum(counts.values())
    found, at = [], 0.0
    for state in _ORDER:
        count = counts.get(state, 0)
        if count:
            width = 100 * count / total
            found.append((state, count, round(at, 3), round(width, 3)))
            at += width
    return found


def ended(job: Job) -> int:
    return sum(job.counts.get(state, 0) for state in TASK_TERMINAL)


def open_tasks(job: Job) -> int:
    return job.total - ended(job) - job.counts.get(TaskState.RUNNING, 0)


def took_us(job: Job, now_us: int) -> int | None:
    if job.started_at_us is None:
        return None
    return max(0, (job.finished_at_us or now_us) - job.started_at_us)


def left_us(job: Job, now_us: int) -> tuple[int, int] | None:
    """From and to, by the pace so far; None while that is not known."""
    done, took = ended(job), took_us(job, now_us)
    if job.state is not JobState.RUNNING or done < _ENOUGH or took is None or took < _SURE_US:
        return None
    likely = took / done * (job.total - done)
    return int(likely * 0.75), int(likely * 1.5)


def stoppable(job: Job) -> bool:
    return job.state not in JOB_TERMINAL and not job.removed
