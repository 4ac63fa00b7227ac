"""What has changed since a page was made? Asked every two seconds by `static/js/live.mjs`, so that it must be cheap."""

from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from app.ports.records import Page
from app.services import query
from app.ui import guard, pages
from app.ui.context import core, moment, who

routes = Blueprint("live", __name__)

_MOST: Final = 1000


@routes.get("/ui/live")
@guard.needs("jobs:read")
def changes() -> Response:
    """`seq`: the number to ask with next time. With `job`: the states that its tasks have come to, in order."""
    after, job_id = request.args.get("after", type=int), request.args.get("job")
    if after is None:
        raise BadRequest("after must be the number of an event")
    answer: dict[str, Any] = {"seq": moment().seq, "nowUs": moment().now_us}
    if job_id is not None:
        events = query.events(core(), who(), Page(limit=_MOST, after=(after,)), job_id)
        answer["tasks"] = [change for event in events if event.kind == "tasks" for change in event.data]
        if len(events) == _MOST:
            answer["seq"] = events[-1].seq
    return pages.fragment(answer)
