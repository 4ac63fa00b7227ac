"""S10, the queues: how much waits in each and since when, and which nodes serve it."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, Response

from app.services import query
from app.services.overview import Backlog, backlogs
from app.services.query import NodeView
from app.ui import guard, pages, words
from app.ui.context import core, who
from app.wire.states import NodeState

routes = Blueprint("queues", __name__)

_AWAY = (NodeState.OFFLINE, NodeState.LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """`nodes` serve the queue and are there; `taking` of them take work now."""

    backlog: Backlog
    nodes: Sequence[NodeView]
    taking: int


@routes.get("/queues")
@guard.needs("jobs:read")
def show_queues() -> Response:
    nodes = [view for view in query.nodes(core(), who()) if view.state not in _AWAY]
    shown = [_served(each, nodes) for each in backlogs(core(), who())]
    depth = sum(each.backlog.depth for each in shown)
    unserved = [each for each in shown if not each.taking and each.backlog.depth]
    return pages.page(
        "queues.html",
        title=f"{words.plural(depth, 'task')} waiting · Queues" if depth else "Queues",
        active="queues",
        state="failed" if unserved else "",
        queues=shown,
        unserved=unserved,
        nodes=nodes,
    )


def _served(backlog: Backlog, nodes: Sequence[NodeView]) -> Served:
    serving = [view for view in nodes if backlog.queue in view.node.queues or "*" in view.node.queues]
    return Served(backlog=backlog, nodes=serving, taking=sum(view.node.takes_work for view in serving))
