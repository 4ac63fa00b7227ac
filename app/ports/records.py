"""Small values that pass through the ports and are no nouns of the domain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from app.domain.chords import Count, RunWhen
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.wire.report import LogLine
from app.wire.states import JobState, TaskState


class Part(Struct, frozen=True, kw_only=True, gc=False):
    """One ended header task, to be counted in every chord that has it in its header."""

    header_seq: int
    succeeded: bool


class ChordState(Struct, frozen=True, kw_only=True, gc=False):
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
    """A task as it is shown: with what was asked, and its newest run (`task.run_id`), which has progress and result.

    `assets` is what that run left behind, where somebody has looked for it (`services.files`).
    """

    task: Task
    spec: TaskSpec
    run: Run | None = None
    assets: tuple["Asset", ...] = ()
    map: "MapView | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MapView:
    """How far a map is. `total` and `source` are None while its values are not known; `counts` are of its values.

    `result` is None until it has ended well, and, with `cut`, where it is too large for where it is to be shown.
    """

    total: int | None
    counts: Mapping[TaskState, int]
    progress: float
    source: Any  # JSON
    result: Any  # JSON
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChunk:
    """Values of a map in a row: the JSON text of an array, whose first has the index `first`."""

    first: int
    count: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueView:
    """One value of a map as it is shown: its task, and that task's newest run."""

    task: Task
    run: Run | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedResult:
    """The outcome of a task that another one refers to. That of a map is with its values: `map_seq` is its number."""

    state: TaskState
    result: Any  # JSON
    map_seq: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLine:
    """A stored log line; `seq` grows over all runs, `place` is its number in its run's log, from 1, without gaps."""

    seq: int
    job_seq: int
    task_seq: int
    task_id: str
    run_id: str
    line: LogLine
    place: int = 0


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
    """What a POST with an Idempotency-Key answered, for its repeats: what it made, or its status and body.

    Without either, the first request is still being worked on.
    """

    org_id: str
    route: str
    key: str
    body_hash: str
    resource_id: str
    at_us: int
    status: int | None = None
    answer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`secret_hash` is the SHA-256 of the secret part, in hex. `role` is one of `app.services.access.SCOPES`.

    With `user_id` it is that user's and may no more than he; with `node_id` it speaks for that node alone.
    """

    id: str
    org_id: str
    name: str
    role: str
    scopes: tuple[str, ...]
    secret_hash: str
    created_at_us: int
    expires_at_us: int | None = None
    revoked_at_us: int | None = None
    user_id: str | None = None
    node_id: str | None = None
    used_at_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A folder of jobs and assets. `access`, `kind`, `data` and `graph` are its owner's notes: kept, never obeyed."""

    seq: int
    id: str
    org_id: str
    name: str
    created_at_us: int
    created_by: str = ""
    access: str = "org"
    kind: str = "unspecified"
    data: Any = None  # JSON
    graph: Any = None  # JSON
    modified_at_us: int | None = None
    removed: bool = False

    @property
    def changed_at_us(self) -> int:
        return self.created_at_us if self.modified_at_us is None else self.modified_at_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A stored file. `blob` is the key of its bytes, which no other asset has.

    One that was uploaded into a space is found by `space` and `key`. An output belongs to a run (the fields from
    `job_seq` on; `number` is the run's, `map_index` -1 outside maps) and is called `name` there. After
    `expires_at_us` it goes, as soon as no unfinished job needs it.
    """

    seq: int
    id: str
    org_id: str
    project_id: str
    filename: str
    size: int
    checksum: str
    media_type: str
    created_at_us: int
    modified_at_us: int
    created_by: str
    blob: str
    space: str = ""
    key: str = ""
    expires_at_us: int | None = None
    job_seq: int | None = None
    task_seq: int | None = None
    job_id: str | None = None
    task_id: str | None = None
    task_name: str = ""
    run_id: str | None = None
    number: int = 0
    map_index: int = -1
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LooseBlob:
    """Bytes that no asset has: an upload under way, or what a deleted asset leaves. They go after `due_at_us`.

    A part of an upload in parts has the upload's id, its number from 1, and what is known of its bytes.
    """

    blob: str
    due_at_us: int
    upload_id: str = ""
    part: int = 0
    size: int = 0
    checksum: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """`max_running`: so many of its runs may at once be with nodes or on their way there. `max_starts`: so many may
    start a minute; `next_start_us` is when the next one is due by that rate.
    """

    org_id: str
    name: str
    created_at_us: int
    paused: bool = False
    max_running: int | None = None
    max_starts: int | None = None
    next_start_us: int = 0

    @property
    def limited(self) -> bool:
        return self.max_running is not None or self.max_starts is not None


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
