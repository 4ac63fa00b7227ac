"""The fleet and what it offers: nodes, executors. Each list is short and comes in one page."""

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from app.rest import auth, entity, peers, repeats
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.account import Joined, JoinedShown, JoinIn
from app.rest.native.schemas.fleet_out import ExecutorShown, NodeShown
from app.rest.native.schemas.queries import PageQuery
from app.rest.paging import Listing, cut
from app.services import control, executors, joining, query
from app.services.executors import ExecutorView
from app.services.query import NodeView

routes = NativeBlueprint("nodes", __name__, description="Compute hosts and executors")

READ, ADMIN, JOIN = auth.scope("jobs:read"), auth.scope("nodes:admin"), auth.scope("nodes:join")


@routes.get("/v1/nodes")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(NodeShown)
def list_nodes(asked: Mapping[str, Any]) -> Listing[NodeView]:
    """All nodes by name"""
    return cut(asked, query.nodes(core(), who()))


@routes.get("/v1/nodes/<key:node_id>")
@READ
@routes.response(200, NodeShown)
def read_node(node_id: str) -> Response:
    """One node"""
    return entity.polled(NodeShown.show(query.node(core(), who(), node_id)))


@routes.post("/v1/nodes/join")
@JOIN
@repeats.sealed
@routes.arguments(JoinIn)
@routes.response(201, JoinedShown)
def join_fleet(node: Mapping[str, Any]) -> Joined:
    """Get a node's own token for a join token, which is good for this once"""
    is_near = peers.is_near(request)
    made, text, broker_url = joining.join(core(), who(), is_near=is_near, **node)
    return Joined(token=made, text=text, broker_url=broker_url)


@routes.post("/v1/nodes/<key:node_id>/drain")
@ADMIN
@routes.response(200, NodeShown)
def drain_node(node_id: str) -> NodeView:
    """Let a node take nothing new; what it runs goes on"""
    return control.drain_node(core(), who(), node_id, drain=True)


@routes.post("/v1/nodes/<key:node_id>/undrain")
@ADMIN
@routes.response(200, NodeShown)
def undrain_node(node_id: str) -> NodeView:
    """Let a node take work again"""
    return control.drain_node(core(), who(), node_id, drain=False)


@routes.get("/v1/executors")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(ExecutorShown)
def list_executors(asked: Mapping[str, Any]) -> Listing[ExecutorView]:
    """What the nodes offer; a name comes once for each way in which it is offered"""
    return cut(asked, executors.offered(core(), who()))
