"""What the store tells of runs beside their tasks, failures first, and of what has changed since a time.

Times of change are the store's own: those of the transactions that wrote the rows.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import Task
from app.ports.records import Page

Which = Literal["failed", "others", "claimed"]
"""Of tasks that have failed, also of those without a run; of all other tasks; and of all tasks, but once claimed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """A run and its task. A task that failed before it ever ran has one without a run."""

    task: Task
    run: Run | None

    @property
    def key(self) -> tuple[int, int, int]:
        """What `Page.after` of a list of these is made of."""
        if self.run is None:
            return self.task.seq, -1, 0
        return self.task.seq, -1 if self.run.map_index is None else self.run.map_index, self.run.number


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """After one time and before another."""

    after_us: int
    before_us: int


class ExecutionReads(Protocol):
    def executions(self, job_seq: int, which: Which, page: Page) -> list[Execution]:
        """By task, then map index, then number: `Execution.key`."""

    def changed_executions(self, job_seq: int, after_us: int, page: Page) -> list[Execution]:
        """Those with a run that was written after then; ordered likewise."""

    def changed_jobs(self, org_id: str, queue: str, window: Window, page: Page) -> list[tuple[int, Job]]:
        """The queue's jobs by the time of their last change, oldest first; the key is (time, seq)."""

    def count_jobs(self, org_id: str, queue: str) -> int: ...
    def count_changed_jobs(self, org_id: str, queue: str, window: Window) -> int: ...
    def count_executions(self, job_seq: int, which: Which) -> int: ...
    def count_changed_executions(self, job_seq: int, after_us: int) -> int: ...
