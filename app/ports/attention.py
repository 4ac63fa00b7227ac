"""What the store finds for who asks whether anything needs him. Part of `store.py`; each answer is bounded."""

from typing import Protocol

from app.domain.task import Task


class AttentionReads(Protocol):
    def stuck(self, org_id: str, jobs: int, tasks: int) -> list[Task]:
        """Of the oldest so many unfinished jobs that have a task ready or queued: the first such task of each route,
        by number, among the first so many open tasks of each job. Values of maps are among them.
        """

    def failed_with(self, org_id: str, code: str, jobs: int, tasks: int) -> list[Task]:
        """Of the newest so many failed jobs: tasks that failed for this reason, among the first so many failed ones of
        each; newest job first, then by number.
        """
