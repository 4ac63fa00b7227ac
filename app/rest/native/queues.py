"""Queues: what waits in each, and what holds it."""

from collections.abc import Mapping
from typing import Any

from app.rest import auth
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.queries import PageQuery
from app.rest.native.schemas.queues import QueueChange, QueueShown
from app.rest.paging import Listing, cut
from app.services import queues
from app.services.queues import QueueView

routes = NativeBlueprint("queues", __name__, description="Where jobs wait: depth, rates, limits, pause")

READ, OPERATE = auth.scope("jobs:read"), auth.scope(queues.OPERATE)


@routes.get("/v1/queues")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(QueueShown)
def list_queues(asked: Mapping[str, Any]) -> Listing[QueueView]:
    """All queues: what waits and runs in each, its rates and limits, the nodes that serve it"""
    return cut(asked, queues.queues(core(), who()))


@routes.get("/v1/queues/<queue>")
@READ
@routes.response(200, QueueShown)
def read_queue(queue: str) -> QueueView:
    """One queue"""
    return queues.queue(core(), who(), queue)


@routes.patch("/v1/queues/<queue>")
@OPERATE
@routes.arguments(QueueChange)
@routes.response(200, QueueShown)
def change_queue(change: Mapping[str, Any], queue: str) -> QueueView:
    """Pause or resume a queue, or change its limits; what is left out stays as it is"""
    return queues.change(core(), who(), queue, change)


@routes.post("/v1/queues/<queue>/pause")
@OPERATE
@routes.response(200, QueueShown)
def pause_queue(queue: str) -> QueueView:
    """Let nothing more of a queue start; what runs goes on"""
    return queues.pause(core(), who(), queue)


@routes.post("/v1/queues/<queue>/resume")
@OPERATE
@routes.response(200, QueueShown)
def resume_queue(queue: str) -> QueueView:
    """Let a paused queue go on"""
    return queues.resume(core(), who(), queue)
