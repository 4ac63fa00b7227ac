"""Tasks: what was asked (`TaskSpec`) and how far it is (`Task`).

Both are values; `app/domain/run.py` has the table of states, and the functions here are the only writers of a task's.
They are structs and not dataclasses since several are made for each run: a changed copy of a task costs a fiftieth.
"""

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from app.domain import limits
from app.domain.chords import RunWhen
from app.domain.map import first_seq, map_seq_of
from app.domain.run import TaskEvent, task_after
from app.wire.report import Failure
from app.wire.resources import Resources
from app.wire.states import TASK_TERMINAL, TaskState

HELD_US = 1 << 62
"""The time at which a task is due that its owner holds back: never."""

NO_ROUTE = ""
"""Of a map: it is never offered itself, only its values are."""

DEFAULT_SHAPE = Resources(cpu_milli=limits.DEFAULT_CPU * 1000, memory_mib=limits.DEFAULT_MEMORY_MB)


class TaskSpec(Struct, frozen=True, kw_only=True, gc=False):
    """One task as asked for. After a run out of memory the next one gets `memory_growth` times more.

    `submitted` is what the caller wrote and no field here holds, for showing it again. Of a map, what is said here of
    running holds for each of its `values`: a JSON array, or a string that is one, leads to one, or refers to one.
    `traceparent` is its job's, kept with each task so that giving out a run need not ask for the job.
    """

    name: str
    executor: str
    version: str = ""
    needs: tuple[str, ...] = ()
    run_when: RunWhen = RunWhen.ALL_SUCCEEDED
    payload: Any = None  # JSON
    inputs: tuple[Any, ...] = ()  # JSON
    outputs: tuple[Any, ...] = ()  # JSON
    shape: Resources = DEFAULT_SHAPE
    time_limit_s: int = limits.DEFAULT_TIME_S
    max_attempts: int = 1
    retry_delay_s: int = 0
    memory_growth: float = 1.0
    priority: int = limits.DEFAULT_PRIORITY
    tag: str = ""
    submitted: Mapping[str, Any] = field(default_factory=dict)  # JSON
    type: Literal["task", "map"] = "task"
    values: Any = None  # JSON
    max_concurrency: int | None = None
    max_failed: int | None = None
    traceparent: str | None = None


class Task(Struct, frozen=True, kw_only=True, gc=False):
    """One node of a job's graph. `seq` is the store's growing number, `position` its place in the job.

    `attempts` counts runs that ended by the task's own doing, `runs` all of them, `crashes` the node deaths it was in
    flight at. `run_id` is the newest run, and once the task has ended the one whose result stands.
    A ready task with `due_at_us` in the future waits for its retry. `cancel`: its owner wants it ended.
    One with `map_index` is a value of a map, and has the map's id, name and place. `org_id` is whose it is, for sharing
    the fleet out; it is empty where nobody noted it.
    """

    seq: int
    id: str
    job_seq: int
    job_id: str
    position: int
    name: str
    state: TaskState
    route: str
    run_when: RunWhen
    priority: int
    height: int
    max_attempts: int
    retry_delay_s: int
    attempts: int = 0
    runs: int = 0
    crashes: int = 0
    run_id: str | None = None
    due_at_us: int = 0
    cancel: bool = False
    created_at_us: int
    started_at_us: int | None = None
    finished_at_us: int | None = None
    failure: Failure | None = None
    map_index: int | None = None
    org_id: str = ""

    @property
    def is_map(self) -> bool:
        return self.route == NO_ROUTE

    @property
    def owner_seq(self) -> int:
        """The task that was asked for: itself, or the map that it is a value of."""
        return self.seq if self.map_index is None else map_seq_of(self.seq, self.map_index)

    @property
    def first_seq(self) -> int:
        """The first number among its own and those of its values."""
        return first_seq(self.seq) if self.is_map else self.seq

    @property
    def held(self) -> bool:
        return self.due_at_us == HELD_US

    @property
    def ended(self) -> bool:
        return self.state in TASK_TERMINAL


def released(task: Task) -> Task:
    """Its needs allow it to run."""
    return replace(task, state=task_after(task.state, TaskEvent.RELEASE))


def offered(task: Task, run_id: str) -> Task:
    return replace(task, state=task_after(task.state, TaskEvent.OFFER), run_id=run_id, runs=task.runs + 1)


def handed(task: Task, run_id: str) -> Task:
    """Claimed straight from `ready` by a slot that is free: no message was ever out for this run."""
    return replace(task, state=task_after(task.state, TaskEvent.CLAIM), run_id=run_id, runs=task.runs + 1)


def claimed(task: Task) -> Task:
    return replace(task, state=task_after(task.state, TaskEvent.CLAIM))


def in_line(task: Task) -> bool:
    """Whether it waits for nothing but its need's success."""
    simple = task.run_when is RunWhen.ALL_SUCCEEDED and not (task.is_map or task.held or task.cancel)
    return simple and task.state is TaskState.WAITING


def following(task: Task, run_id: str) -> Task:
    """Claimed while the one thing that it needs still runs, on the same slot."""
    return replace(task, state=task_after(task.state, TaskEvent.FOLLOW), run_id=run_id, runs=task.runs + 1)


def waiting_again(task: Task) -> Task:
    """What it was to follow did not succeed, and it never began."""
    return replace(task, state=task_after(task.state, TaskEvent.WAIT))


def opened(task: Task, now_us: int) -> Task:
    """A map: from here on its values run."""
    return replace(task, state=task_after(task.state, TaskEvent.OPEN), started_at_us=max(now_us, task.created_at_us))


def withdrawn(task: Task) -> Task:
    return replace(task, state=task_after(task.state, TaskEvent.WITHDRAW))


def succeeded(task: Task, *, started_at_us: int | None, finished_at_us: int) -> Task:
    started_at_us = task.started_at_us or started_at_us
    # A task ends no earlier than it began, also where the database's clock has stepped back.
    return replace(
        task,
        state=task_after(task.state, TaskEvent.SUCCEED),
        started_at_us=started_at_us,
        finished_at_us=max(finished_at_us, started_at_us or task.created_at_us),
        attempts=task.attempts + 1,
        failure=None,
    )


def failed(task: Task, failure: Failure, *, now_us: int) -> Task:
    return _ended(task, TaskEvent.FAIL, failure, now_us)


def canceled(task: Task, failure: Failure, *, now_us: int) -> Task:
    return _ended(task, TaskEvent.CANCEL, failure, now_us)


def skipped(task: Task, failure: Failure, *, now_us: int) -> Task:
    return _ended(task, TaskEvent.SKIP, failure, now_us)


def _ended(task: Task, event: TaskEvent, failure: Failure, now_us: int) -> Task:
    state = task_after(task.state, event)
    finished_at_us = max(now_us, task.started_at_us or task.created_at_us)
    return replace(task, state=state, finished_at_us=finished_at_us, failure=failure)


def retried(task: Task, failure: Failure | None, *, due_at_us: int) -> Task:
    """Ready again after a run that did not succeed, from `due_at_us` on, unless it is held."""
    due_at_us = HELD_US if task.held else due_at_us
    return replace(task, state=task_after(task.state, TaskEvent.RETRY), due_at_us=due_at_us, failure=failure)


def reset(task: Task) -> Task:
    """As if never run, for running it again; its runs stay as history and their numbers go on."""
    return replace(
        task,
        state=task_after(task.state, TaskEvent.RESET),
        attempts=0,
        crashes=0,
        due_at_us=0,
        cancel=False,
        started_at_us=None,
        finished_at_us=None,
        failure=None,
    )
