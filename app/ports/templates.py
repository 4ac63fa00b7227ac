"""What the store keeps of templates, and the lists of jobs that those who start from templates look at."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from app.domain.job import Job
from app.domain.template import Template, Version, VersionNote
from app.ports.records import Page
from app.wire.states import JobState

Order = Literal["created", "priority"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobsWanted:
    """Jobs by number of places and not by key. All that is given must hold; `states` None is any state.

    By creation, or by priority and then creation; both the other way round when `descending`.
    """

    org_id: str
    template_id: str | None = None
    created_by: str | None = None
    states: frozenset[JobState] | None = None
    order: Order = "created"
    descending: bool = True
    offset: int = 0
    limit: int


class TemplateReads(Protocol):
    def template(self, template_id: str) -> Template | None: ...
    def templates(self, org_id: str, page: Page, name: str | None = None) -> list[Template]:
        """Newest first; the key is (seq,). `name` is exact."""

    def template_version(self, template_id: str, number: int) -> Version | None: ...
    def template_versions(self, template_id: str, page: Page) -> list[VersionNote]:
        """Newest first; the key is (number,)."""

    def jobs_wanted(self, wanted: JobsWanted) -> list[Job]: ...
    def first_routes(self, job_seqs: Collection[int]) -> Mapping[int, str]:
        """The route of each job's first task; a job without tasks is not in it."""

    def places(self, task_seqs: Collection[int]) -> Mapping[int, int]:
        """The position of each task in its job."""


class TemplateWrites(Protocol):
    def insert_template(self, template: Template) -> None: ...
    def lock_template(self, template_id: str) -> Template | None:
        """Held before any task or job is."""

    def save_template(self, template: Template) -> None:
        """Everything but the number of its runs."""

    def insert_template_version(self, version: Version) -> None: ...
    def count_start(self, template_id: str) -> None:
        """One more job was started from it; it is locked."""

    def delete_template(self, template_id: str) -> None:
        """With its versions. The jobs that were started from it stay."""
