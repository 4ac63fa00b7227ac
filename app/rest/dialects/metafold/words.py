"""Our states in the words of this service: a job is a task of ours, a workflow is a job of ours."""

from collections.abc import Mapping
from typing import Final

from app.wire.states import JobState, TaskState

OF_TASK: Final[Mapping[TaskState, str]] = {
    TaskState.WAITING: "pending",
    TaskState.READY: "pending",
    TaskState.QUEUED: "pending",
    TaskState.RUNNING: "started",
    TaskState.SUCCEEDED: "success",
    TaskState.FAILED: "failure",
    TaskState.CANCELED: "canceled",
    TaskState.SKIPPED: "canceled",
}
OF_JOB: Final[Mapping[JobState, str]] = {
    JobState.PENDING: "pending",
    JobState.PAUSED: "pending",
    JobState.RUNNING: "started",
    JobState.SUCCEEDED: "success",
    JobState.FAILED: "failure",
    JobState.CANCELED: "canceled",
}
