"""All about one node: what it runs, what it could take now of what waits, what it offers, how busy it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.errors import NotFound
from app.domain.job import Job
from app.domain.node import Node
from app.domain.run import Run
from app.domain.task import Task
from app.ports.points import Point
from app.ports.records import TaskView
from app.ports.store import Reader
from app.services import points, query
from app.services.access import Principal
from app.services.core import Core
from app.services.query import NodeView
from app.wire.cards import Card
from app.wire.resources import Route

_RUNS: Final = 200
_JOBS: Final = 30
_TASKS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A task that waits and that this node could run: at once when it `fits`."""

    job: Job
    task: Task
    fits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePage:
    """`runs` are the caller's own, the oldest first, at most so many as a page shows; `held` is how many all have."""

    view: NodeView
    held: int
    runs: Sequence[tuple[Run, TaskView]]
    candidates: Sequence[Candidate]
    cards: Sequence[Card]
    points: Sequence[Point]


def node_page(core: Core, who: Principal, node_id: str) -> NodePage:
    """Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> NodePage:
        node = tx.node(node_id)
        if node is None:
            raise NotFound("there is no such node")
        held = tx.held([node_id])
        own = sorted(query.visible(tx, who, held), key=lambda run: (run.claimed_at_us or 0, run.id))
        return NodePage(
            view=query.view_node(core, tx, node, own),
            held=len(held),
            runs=[(run, view) for run in own[:_RUNS] if (view := tx.task(run.task_id)) is not None],
            candidates=list(_candidates(tx, who, node)),
            cards=tx.cards().get(node_id, ()),
            points=points.of_last_day(tx, node_id),
        )

    return core.store.read(work)


def _candidates(tx: Reader, who: Principal, node: Node) -> Iterator[Candidate]:
    for task in tx.stuck(who.org_id, _JOBS, _TASKS):
        if task.route and node.serves(route := Route.parse(task.route)):
            fits = node.takes_work and route.shape.fits(node.free)
            yield Candidate(job=query.find_job(tx, who, task.job_id), task=task, fits=fits)
