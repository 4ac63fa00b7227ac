"""How is it going as a whole? What the first page of the dashboard shows, in one read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.job import Job
from app.ports.overview import Slice
from app.ports.records import JobFilter, Page
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.queues import QueueView, views
from app.wire.states import JobState, NodeState

MOST_COUNTED: Final = 10_000
"""Jobs of one state; more are said to be more than that."""

SLICE_US: Final = 3600 * MICROSECONDS
SLICES: Final = 24
_MOST_IN_SLICES: Final = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    counts: Mapping[JobState, int]
    failed: Sequence[Job]
    recent: Sequence[Job]
    queues: Sequence[QueueView]
    nodes: Mapping[NodeState, int]
    activity: Sequence[Slice]
    activity_from_us: int


def overview(core: Core, who: Principal, *, failed: int, recent: int) -> Overview:
    """With so many of the last jobs, and of the last that failed."""
    who.require("jobs:read")

    def work(tx: Reader) -> Overview:
        first_us = (tx.now_us // SLICE_US - SLICES + 1) * SLICE_US
        return Overview(
            counts=tx.job_counts(who.org_id, MOST_COUNTED),
            failed=tx.jobs(JobFilter(org_id=who.org_id, state=JobState.FAILED), Page(limit=failed)),
            recent=tx.jobs(JobFilter(org_id=who.org_id), Page(limit=recent)),
            queues=views(core, tx, who, tx.queues(who.org_id)),
            nodes=_nodes(core, tx),
            activity=tx.activity(who.org_id, first_us, SLICE_US, _MOST_IN_SLICES),
            activity_from_us=first_us,
        )

    return core.store.read(work)


def job_counts(core: Core, who: Principal) -> Mapping[JobState, int]:
    """Up to MOST_COUNTED each."""
    who.require("jobs:read")
    return core.store.read(lambda tx: tx.job_counts(who.org_id, MOST_COUNTED))


def position(core: Core, who: Principal) -> tuple[int, int]:
    """The database's time, and the number of the last event by then: what is read after this is no older."""
    return core.store.read(lambda tx: (tx.now_us, tx.newest_event(who.org_id)))


def _nodes(core: Core, tx: Reader) -> Mapping[NodeState, int]:
    found: dict[NodeState, int] = {}
    for node in tx.nodes():
        state = query.view_node(core, tx, node, ()).state
        found[state] = found.get(state, 0) + 1
    return found
