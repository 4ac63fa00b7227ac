"""What the store tells of an organization as a whole. Part of `store.py`; each answer is bounded, whatever there is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.wire.states import JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Jobs that were submitted from `at_us` on, by the state they have now; `tasks` of them have ended."""

    at_us: int
    state: JobState
    jobs: int
    tasks: int


class OverviewReads(Protocol):
    def newest_event(self, org_id: str) -> int:
        """The number of the organization's last event; 0 when there is none."""

    def job_counts(self, org_id: str, most: int) -> Mapping[JobState, int]:
        """Jobs by state, counted up to `most` each; states without jobs are absent."""

    def oldest_waiting(self, org_id: str) -> Mapping[str, int]:
        """By queue: when the oldest unfinished job was submitted that has a task ready or queued."""

    def activity(self, org_id: str, since_us: int, slice_us: int, most: int) -> list[Slice]:
        """Of the newest `most` jobs those submitted since then, in slices of time, oldest first, then by state."""
