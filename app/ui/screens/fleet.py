"""S8 and S9, the fleet and its nodes: what each has, what is reserved and used, what runs there; drain and undrain."""

from collections.abc import Sequence
from typing import Final

from flask import Blueprint, Response, request

from app.domain.errors import NotFound
from app.ports.people import Entry
from app.ports.points import Point
from app.ports.records import Page
from app.services import audit, control, query
from app.services.core import MICROSECONDS
from app.services.node_page import node_page
from app.services.query import NodeView
from app.ui import guard, pages, words
from app.ui.context import core, moment, who
from app.ui.plots import Plot, Series, plot
from app.ui.screens.task import took
from app.wire.states import NodeState

routes = Blueprint("fleet", __name__)

_GONE: Final = (NodeState.OFFLINE, NodeState.LOST)
_STAY_US: Final = 24 * 3600 * MICROSECONDS
"""Nodes that have gone are shown so long, unless all are asked for."""
_LOOKED_AT: Final = 500
_EVENTS: Final = 20
_ORDER: Final = (NodeState.LOST, NodeState.LATE, NodeState.DRAINING, NodeState.ONLINE, NodeState.OFFLINE)


@routes.get("/fleet")
@guard.needs("jobs:read")
def show_fleet() -> Response:
    tag, shows_all = request.args.get("tag", ""), "all" in request.args
    known = query.nodes(core(), who())
    recent = [view for view in known if not _is_long_gone(view, moment().now_us)]
    tagged = [view for view in (known if shows_all else recent) if not tag or tag in view.node.tags]
    shown = sorted(tagged, key=lambda view: (_ORDER.index(view.state), view.node.name))
    online = sum(view.state not in _GONE for view in known)
    return pages.page(
        "fleet.html",
        title=f"{words.plural(online, 'node')} · Fleet",
        active="fleet",
        state="lost" if any(view.state is NodeState.LOST for view in recent) else "",
        views=shown,
        counts={state: count for state in _ORDER if (count := sum(view.state is state for view in recent))},
        tags=sorted({tag for view in known for tag in view.node.tags}),
        tag=tag,
        hidden=len(known) - len(recent),
        shows_all=shows_all,
        alive=[view for view in shown if view.state not in _GONE],
        why_gone=why_gone,
    )


@routes.get("/nodes/<key:node_id>")
@guard.needs("jobs:read")
def show_node(node_id: str) -> Response:
    seen = node_page(core(), who(), node_id)
    return pages.page(
        "node.html",
        title=f"{seen.view.node.name} · Node",
        active="fleet",
        state=seen.view.state.value,
        view=seen.view,
        node=seen.view.node,
        seen=seen,
        plots=_plots(seen.points, seen.view),
        changes=_changes(node_id),
        is_gone=seen.view.state in _GONE,
        why_gone=why_gone,
        took=took,
    )


@routes.post("/ui/nodes/<key:node_id>/<verb>")
@guard.needs("nodes:admin")
def tell_node(node_id: str, verb: str) -> Response:
    if verb not in ("drain", "undrain"):
        raise NotFound("a node can be told to drain or undrain")
    drain = verb == "drain"
    view = control.drain_node(core(), who(), node_id, drain=drain)
    said = "takes nothing new; what it runs goes on." if drain else "takes work again."
    return pages.back(request.form.get("to") or "/fleet", f"{view.node.name} {said}")


def why_gone(view: NodeView) -> str:
    """Of a node that is not there as it should be."""
    node, heard = view.node, pages.ago(view.node.heartbeat_at_us)
    if node.refused:
        return f"It spoke {heard} and was refused: {node.refused}."
    if view.state is NodeState.OFFLINE:
        return f"It was stopped in order {heard}, and said so."
    if view.state is NodeState.LOST:
        return (
            f"It was last heard {heard} and never said that it stops: it was killed, its host is down or cut off, or "
            "it hangs. What it ran runs elsewhere."
        )
    if view.state is NodeState.LATE:
        until = words.moment(node.lease_until_us)
        return f"It was last heard {heard}; when its lease is over at {until}, what it runs is lost."
    if view.state is NodeState.DRAINING:
        return "It takes nothing new" + ("." if view.running else " and runs nothing: it can be stopped.")
    return ""


def _is_long_gone(view: NodeView, now_us: int) -> bool:
    return view.state in _GONE and now_us - view.node.heartbeat_at_us > _STAY_US


def _plots(points: Sequence[Point], view: NodeView) -> list[Plot]:
    node = view.node
    cores = node.total.cpu_milli / 1000
    used = [(each.at_us, float(each.used_memory_bytes)) for each in points]
    found = [
        plot(
            "Cpu",
            [
                Series(name="used by the host", values=[(each.at_us, each.cpu_percent) for each in points]),
                Series(
                    name="reserved",
                    values=[(each.at_us, each.reserved_cpu_milli / 10 / cores if cores else 0.0) for each in points],
                    style="b",
                ),
            ],
            lambda value: f"{value:.0f} %",
            limit=100.0,
            limit_words=f"{cores:g} cpu,",
            of_day=True,
        ),
        plot(
            "Memory",
            [
                Series(name="used by the host", values=used),
                Series(
                    name="reserved",
                    values=[(each.at_us, float(each.reserved_memory_mib << 20)) for each in points],
                    style="b",
                ),
            ],
            words.size,
            limit=float(node.total.memory_mib << 20),
            limit_words="for tasks",
            of_day=True,
        ),
        plot(
            "Runs",
            [Series(name="held", values=[(each.at_us, float(each.runs)) for each in points])],
            lambda value: f"{value:.0f}",
            of_day=True,
        ),
    ]
    return [each for each in found if each is not None]


def _changes(node_id: str) -> list[Entry]:
    """Of the last of the audit those that were about this node, for who may see them."""
    if "org:admin" not in who().scopes:
        return []
    entries = audit.listing(core(), who(), Page(limit=_LOOKED_AT))
    return [entry for entry in entries if entry.resource_id == node_id][:_EVENTS]
