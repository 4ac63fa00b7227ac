"""Lists that are asked for by pattern and in an order of the caller's choice. Every store keeps to the keys given here.

A key is what a thing is ordered by; things with equal keys are ordered by their number. What has not happened yet comes
after all that has. Texts are ordered by code point and matched without regard to case: by Unicode's rules in memory and
on SQLite, by its own locale's on PostgreSQL.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from app.domain.job import Job, Source
from app.domain.search import NEWEST_FIRST, Sort, Term
from app.domain.task import Task
from app.ports.records import Asset, Project, TaskView

NOT_YET: Final = 1 << 62
"""The key of a time that has not come."""

Key = int | str
Keys = Mapping[str, Callable[[Any], Key]]  # Any: each noun has a table of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """All terms must hold, and the state must be one of `states` where they are given. `project_id` is ignored for
    projects. The terms' and the sort's fields must be keys of the noun's table below.
    """

    org_id: str
    project_id: str = ""
    terms: tuple[Term, ...] = ()
    states: frozenset[str] | None = None
    sort: Sort = NEWEST_FIRST


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """At most `limit` items that come after the one with this key and number."""

    limit: int
    after: tuple[Key, int] | None = None


def _time(at_us: int | None) -> int:
    return NOT_YET if at_us is None else at_us


TASK_KEYS: Final[Keys] = {
    "id": lambda view: view.task.seq,
    "name": lambda view: view.task.name,
    "type": lambda view: view.spec.executor,
    "created": lambda view: view.task.created_at_us,
    "started": lambda view: _time(view.task.started_at_us),
    "finished": lambda view: _time(view.task.finished_at_us),
}
JOB_KEYS: Final[Keys] = {
    "id": lambda job: job.seq,
    "created": lambda job: job.created_at_us,
    "started": lambda job: _time(job.started_at_us),
    "finished": lambda job: _time(job.finished_at_us),
}
ASSET_KEYS: Final[Keys] = {
    "id": lambda asset: asset.seq,
    "filename": lambda asset: asset.filename,
    "size": lambda asset: asset.size,
    "created": lambda asset: asset.created_at_us,
    "modified": lambda asset: asset.modified_at_us,
}
PROJECT_KEYS: Final[Keys] = {
    "id": lambda project: project.seq,
    "name": lambda project: project.name,
    "user": lambda project: project.created_by,
    "created": lambda project: project.created_at_us,
    "modified": lambda project: project.changed_at_us,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    projects: int
    uploads: int
    outputs: int
    jobs: int


class FindingReads(Protocol):
    def find_tasks(self, wanted: Wanted, seek: Seek) -> list[TaskView]:
        """Tasks of all jobs of the project, but for those that are hidden or whose job is removed."""

    def find_jobs(self, wanted: Wanted, seek: Seek) -> list[Job]:
        """Jobs of the project that are shown as a whole: neither removed nor single."""

    def find_assets(self, wanted: Wanted, seek: Seek) -> list[Asset]:
        """Files of the project, uploaded ones and outputs."""

    def find_projects(self, wanted: Wanted, seek: Seek) -> list[Project]:
        """But for those that are removed."""

    def task_at(self, seq: int) -> TaskView | None: ...
    def job_at(self, seq: int) -> Job | None: ...
    def asset_at(self, seq: int) -> Asset | None: ...
    def assets_called(self, org_id: str, project_id: str, filenames: Collection[str]) -> Mapping[str, Asset]:
        """By exactly these names: the newest file of each, results apart."""

    def project_at(self, seq: int) -> Project | None:
        """Also one that is removed."""

    def shown_tasks(self, job_seqs: Collection[int]) -> Mapping[int, tuple[int, ...]]:
        """By job: the numbers of its tasks that are not hidden, ascending."""

    def named_tasks(self, job_seq: int, names: Collection[str]) -> Mapping[str, int]:
        """By name: the numbers of those tasks of the job that exist."""

    def sources(self, job_seqs: Collection[int]) -> Mapping[int, Source]:
        """By job: what it was made from. Those that were submitted as they are have none."""

    def tally(self, org_id: str) -> Tally:
        """Of what the organization has now."""

    def removed_projects(self, limit: int) -> list[Project]:
        """Oldest first."""


class FindingWrites(Protocol):
    def insert_source(self, job_seq: int, source: Source) -> None: ...
    def rename_task(self, task: Task, name: str) -> None:
        """Of a job that has no other task, so that nothing refers to its name."""

    def hide_task(self, task: Task) -> None:
        """No list of this page shows it any more, and `task_at` does not find it."""

    def save_project(self, project: Project) -> None:
        """Every field but the number, the id, the owner and the creation."""

    def delete_project(self, seq: int) -> None:
        """The row alone."""
