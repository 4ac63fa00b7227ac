"""Small values that pass through the ports and are no nouns of the domain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.domain.chords import Count, RunWhen
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.wire.report import LogLine
from app.wire.states import JobState, TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One ended header task, to be counted in every chord that has it in its header."""

    header_seq: int
    succeeded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChordState:
    """A chord by its body, after parts were returned."""

    body_seq: int
    run_when: RunWhen
    count: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralChord:
    """A chord made with Celery's own canvas, closed: the serialized body, and each part's outcome in header order."""

    body: str
    parts: tuple[tuple[bool, Any], ...]  # (succeeded, JSON result or error)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """A task as it is shown: with what was asked, and its newest run (`task.run_id`), which has progress and result."""

    task: Task
    spec: TaskSpec
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedResult:
    """The outcome of a task that another one refers to."""

    state: TaskState
    result: Any  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLine:
    """A log line in the store; `seq` grows over all runs."""

    seq: int
    job_seq: int
    task_seq: int
    task_id: str
    run_id: str
    line: LogLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the append-only log. `kind` `job` has its state as data, `tasks` [[task id, state], ...]."""

    seq: int = 0
    org_id: str
    job_id: str
    at_us: int
    kind: str
    data: Any  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAnswer:
    """What a POST with an Idempotency-Key answered, for its repeats."""

    org_id: str
    route: str
    key: str
    body_hash: str
    resource_id: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`secret_hash` is the SHA-256 of the secret part, in hex. `role` is admin, member, viewer or node."""

    id: str
    org_id: str
    name: str
    role: str
    scopes: tuple[str, ...]
    secret_hash: str
    created_at_us: int
    expires_at_us: int | None = None
    revoked_at_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    seq: int
    id: str
    org_id: str
    name: str
    created_at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    org_id: str
    name: str
    created_at_us: int
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """All that is given must hold. `text` is found in the name, ignoring case."""

    org_id: str
    queue: str | None = None
    state: JobState | None = None
    project_id: str | None = None
    text: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A window of a list: at most `limit` items that come after the one whose key is `after`."""

    limit: int
    after: tuple[int, ...] | None = None
