"""What happened: as a list, and as a stream for those who ask for text/event-stream."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from flask import Request, Response, request

from app.ports.records import Event, Page
from app.rest import auth, repeats
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.queries import LARGEST, EventsQuery, StreamQuery
from app.rest.native.schemas.run_out import EventList, EventShown, TicketShown
from app.rest.paging import Listing, window
from app.rest.problems import BadParameters
from app.services import live, query
from app.services.access import Principal

routes = NativeBlueprint("events", __name__, description="What happened to jobs and tasks, also as it happens")

READ = auth.scope("jobs:read")
LAST_ID: Final = "Last-Event-ID"
_JSON: Final = "application/json"
_NUMBER: Final = {
    "name": LAST_ID,
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    "description": "For a stream: it begins after this event. As `after`, and counts for more.",
}
_BOTH: Final = {
    _JSON: {"schema": EventList},
    live.MEDIA_TYPE: {
        "schema": {"type": "string"},
        "example": 'id: 7\ndata: {"seq": 7, "kind": "job", "data": {"state": "failed"}, "time": "..."}\n\n',
    },
}


def by_ticket(request: Request) -> Principal | None:
    """Browsers cannot send a header for a stream."""
    return live.use_ticket(core(), request.args["ticket"]) if "ticket" in request.args else None


def streamed(view: Callable[..., Any]) -> Callable[..., Any]:
    """The view answers with a list; who asks for a stream gets that."""

    @wraps(view)
    def answer(asked: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        if request.accept_mimetypes.best_match([_JSON, live.MEDIA_TYPE]) != live.MEDIA_TYPE:
            return view(asked, *args, **kwargs)
        response = Response(mimetype=live.MEDIA_TYPE, headers=live.HEADERS)
        if request.method != "HEAD":
            job_id = asked.get("job_id")
            stream = live.subscribe(
                core(),
                who(),
                _after(asked),
                job_id=str(job_id) if job_id else None,
                address=request.remote_addr or "",
            )
            response.response = live.body(request.environ, stream)
        return response

    return answer


def _after(asked: Mapping[str, Any]) -> int | None:
    text = request.headers.get(LAST_ID)
    if not text:
        return asked.get("after")
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST):
        raise BadParameters({LAST_ID: "must be the number of an event"})
    return int(text)


@routes.get("/v1/events")
@READ
@auth.or_by(by_ticket)
@routes.header(_NUMBER)
@routes.arguments(StreamQuery, location="query")
@streamed
@routes.listing(EventShown)
@routes.doc(responses={"200": {"description": "Events, as a list or as a stream", "content": _BOTH}})
def list_events(asked: Mapping[str, Any]) -> Listing[Event]:
    """What happened to all jobs, or to one, oldest first

    With `Accept: text/event-stream` it is a stream of server-sent events that goes on as things happen. Without a
    number to begin after it begins with the newest ones. 503 when too many streams are open: ask for the list instead.
    """
    job_id = asked.get("job_id")
    return _window(asked, str(job_id) if job_id else None)


@routes.get("/v1/jobs/<id:job_id>/events")
@READ
@routes.arguments(EventsQuery, location="query")
@routes.listing(EventShown)
def list_job_events(asked: Mapping[str, Any], job_id: str) -> Listing[Event]:
    """What happened to a job, oldest first"""
    return _window(asked, job_id)


@routes.post("/v1/events/tickets")
@READ
@repeats.sealed
@routes.response(201, TicketShown)
def create_ticket() -> live.Ticket:
    """Get a ticket for one stream, for browsers: `GET /v1/events?ticket=...` within a minute"""
    return live.make_ticket(core(), who())


def _window(asked: Mapping[str, Any], job_id: str | None) -> Listing[Event]:
    def read(page: Page) -> list[Event]:
        start = Page(limit=page.limit, after=page.after or (asked.get("after", 0),))
        return query.events(core(), who(), start, job_id)

    return window(asked, read, key=lambda event: (event.seq,))
