"""The store's lists for callers that turn pages by number: from any place on, oldest or newest first.

Part of `store.py`. A place is reached by counting up to it in an index, so that the callers bound how deep they look
and how far they count.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ports.records import TaskView


class Phase(StrEnum):
    """Three words for the states of jobs and tasks. A paused job is pending."""

    PENDING = "pending"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """At most `limit` items behind the first `offset` ones."""

    offset: int
    limit: int
    newest_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Of an organization, or of one of its jobs or tasks. All that is given must hold; of runs no phase is asked.

    The runs of a map are those of its values, whose numbers lie before its own.
    """

    org_id: str
    phase: Phase | None = None
    job_seq: int | None = None
    task_seq: int | None = None
    first_seq: int | None = None


class NumberedReads(Protocol):
    def jobs_by_number(self, wanted: Wanted, spot: Spot) -> list[Job]:
        """In order of submission."""

    def tasks_by_number(self, wanted: Wanted, spot: Spot) -> list[TaskView]:
        """By job, then in order of submission."""

    def runs_by_number(self, wanted: Wanted, spot: Spot) -> list[Run]:
        """By job, task, map index, and number."""

    def number_of_jobs(self, wanted: Wanted, most: int) -> int:
        """Counted up to `most`; so are the others."""

    def number_of_tasks(self, wanted: Wanted, most: int) -> int: ...
    def number_of_runs(self, wanted: Wanted, most: int) -> int: ...
    def jobs_by_seq(self, job_seqs: Collection[int]) -> Mapping[int, Job]: ...
    def specs_by_seq(self, task_seqs: Collection[int]) -> Mapping[int, TaskSpec]: ...
    def job_times(self, job_seqs: Collection[int]) -> Mapping[int, int]:
        """When each of these was last written, but for its counts."""

    def running_progress(self, job_seqs: Collection[int]) -> Mapping[int, float]:
        """How far the running tasks of each of these have come, in all; jobs without running tasks are absent."""

    def run_times(self, run_ids: Collection[str]) -> Mapping[str, int]:
        """When each of these was last written."""
