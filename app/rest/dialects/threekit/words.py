"""The words of this dialect for our states: three of status, and two of result once something has stopped."""

from collections.abc import Mapping
from typing import Any, Final

from app.wire.states import JOB_TERMINAL, RUN_TERMINAL, TASK_TERMINAL, JobState, RunState, TaskState

PENDING: Final = "pending"
RUNNING: Final = "running"
STOPPED: Final = "stopped"
SUCCESS: Final = "Success"
FAILED: Final = "Failed"
RESULTS: Final[Mapping[str, bool]] = {SUCCESS: True, FAILED: False}

_SAID: Final = "threekit"


def said_of(submitted: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was said here of a job or task, and nothing else of it holds."""
    said: Mapping[str, Any] = submitted.get(_SAID, {})
    return said


def submitted_with(said: Mapping[str, Any]) -> Mapping[str, Any]:
    return {_SAID: said}


def job_status(state: JobState) -> str:
    """A paused job is pending."""
    return STOPPED if state in JOB_TERMINAL else RUNNING if state is JobState.RUNNING else PENDING


def task_status(state: TaskState) -> str:
    return STOPPED if state in TASK_TERMINAL else RUNNING if state is TaskState.RUNNING else PENDING


def task_result(state: TaskState) -> str | None:
    """What was canceled or skipped has failed."""
    if state not in TASK_TERMINAL:
        return None
    return SUCCESS if state is TaskState.SUCCEEDED else FAILED


def run_result(state: RunState) -> str | None:
    if state not in RUN_TERMINAL:
        return None
    return SUCCESS if state is RunState.SUCCEEDED else FAILED
