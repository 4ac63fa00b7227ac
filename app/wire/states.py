"""The states of tasks, runs, jobs and nodes, and the subsets that have names.

`app/domain/run.py` owns which state may follow which; this file only names them.
"""

from enum import StrEnum


class TaskState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    LOST = "lost"
    CANCELED = "canceled"


class JobState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class NodeState(StrEnum):
    ONLINE = "online"
    LATE = "late"
    LOST = "lost"
    DRAINING = "draining"
    OFFLINE = "offline"


TASK_TERMINAL = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED, TaskState.SKIPPED})
TASK_OPEN = frozenset(TaskState) - TASK_TERMINAL
RUN_ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})
RUN_TERMINAL = frozenset(RunState) - RUN_ACTIVE
JOB_TERMINAL = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELED})
