"""Which jobs ended long ago, and may they go? Part of `store.py`. An end is (finished at, seq), by which jobs sort."""

from typing import Protocol

from app.domain.job import Job

End = tuple[int, int]


class EndReads(Protocol):
    def end_of(self, org_id: str, skip: int) -> End | None:
        """The end of the organization's newest ended job but `skip`; removed ones do not count."""

    def ended_jobs(self, org_id: str, after: End, upto: End, limit: int) -> list[Job]:
        """Ended and not removed, with an end after the one and not after the other, oldest first."""

    def gives_inputs(self, job_seq: int) -> bool:
        """A job that has not ended has a file as an input that this one left behind."""
