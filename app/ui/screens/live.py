"""What has changed since a page was made? Asked every few seconds by `static/js/live.mjs`, so that it must be cheap.

And told by a stream, so that nobody need ask sooner.
"""

from typing import Any, Final

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

from app.ports.records import Page
from app.services import live, query
from app.ui import guard, pages
from app.ui.context import core, moment, who

routes = Blueprint("live", __name__)

_MOST: Final = 1000


@routes.get("/ui/live")
@guard.needs("jobs:read")
def changes() -> Response:
    """`seq`: the number to ask with next time. With `job`: the states that its tasks have come to, in order."""
    after, job_id = _after(), request.args.get("job")
    answer: dict[str, Any] = {"seq": moment().seq, "nowUs": moment().now_us}
    if job_id is not None:
        events = query.events(core(), who(), Page(limit=_MOST, after=(after,)), job_id)
        answer["tasks"] = [change for event in events if event.kind == "tasks" for change in event.data]
        if len(events) == _MOST:
            answer["seq"] = events[-1].seq
    return pages.fragment(answer)


@routes.get("/ui/stream")
@guard.needs(live.SCOPE)
def stream() -> Response:
    """The API's stream of events, for a session. Pages take it as a bell, and ask above what has changed."""
    job_id, address = request.args.get("job"), request.remote_addr or ""
    followed = live.subscribe(core(), who(), _after(), job_id=job_id, address=address)
    response = Response(mimetype=live.MEDIA_TYPE, headers=live.HEADERS)
    response.response = live.body(request.environ, followed)
    return response


def _after() -> int:
    after = request.args.get("after", type=int)
    if after is None or not 0 <= after < 1 << 62:
        raise BadRequest("after must be the number of an event")
    return after
