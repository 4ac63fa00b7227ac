"""S1, the overview: what needs somebody first, then what runs, what waits, and what there is to run it on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response

from app.ports.overview import Slice
from app.services.overview import MOST_COUNTED, SLICE_US, SLICES, overview
from app.ui import guard, pages, shares, words
from app.ui.context import core, who
from app.wire.states import JobState

routes = Blueprint("overview", __name__)

_RECENT: Final = 12
_FAILED: Final = 5
_ENDED: Final = (JobState.SUCCEEDED, JobState.CANCELED, JobState.FAILED)
_OPEN: Final = (JobState.RUNNING, JobState.PENDING, JobState.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One hour of the chart: pieces from the bottom, as (state, from, to) in shares of the highest column."""

    at_us: int
    jobs: int
    failed: int
    pieces: Sequence[tuple[JobState, float, float]]


@routes.get("/")
@guard.needs("jobs:read")
def show() -> Response:
    seen = overview(core(), who(), failed=_FAILED, recent=_RECENT)
    running, failed = seen.counts.get(JobState.RUNNING, 0), seen.counts.get(JobState.FAILED, 0)
    return pages.page(
        "overview.html",
        title=f"{words.number(running)} running · Overview" if running else "Overview",
        active="overview",
        state="running" if running else "failed" if failed else "succeeded" if seen.recent else "",
        seen=seen,
        shares=shares,
        open_states=_OPEN,
        most=MOST_COUNTED,
        columns=_columns(seen.activity, seen.activity_from_us),
        jobs_in_chart=sum(one.jobs for one in seen.activity),
        tasks_in_chart=sum(one.tasks for one in seen.activity),
    )


def _columns(activity: Sequence[Slice], from_us: int) -> list[Column]:
    by_hour: dict[int, dict[JobState, int]] = {}
    for one in activity:
        by_hour.setdefault(one.at_us, {})[one.state] = one.jobs
    highest = max((sum(hour.values()) for hour in by_hour.values()), default=1)
    hours = [from_us + number * SLICE_US for number in range(SLICES)]
    return [_column(at_us, by_hour.get(at_us, {}), highest) for at_us in hours]


def _column(at_us: int, counts: Mapping[JobState, int], highest: int) -> Column:
    pieces, base = [], 0
    for state in (*_ENDED, *_OPEN):
        count = counts.get(state, 0)
        if count:
            pieces.append((state, base / highest, (base + count) / highest))
            base += count
    return Column(at_us=at_us, jobs=base, failed=counts.get(JobState.FAILED, 0), pieces=pieces)
