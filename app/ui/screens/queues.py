"""S10, the queues: what waits in each and how quickly it empties, who serves it, what holds it; pause, limits."""

from collections.abc import Callable, Mapping
from typing import Final

from flask import Blueprint, Response, request

from app.domain.errors import Invalid, NotFound, Problem
from app.services import queues
from app.services.access import Principal
from app.services.core import Core
from app.services.queues import QueueView
from app.ui import guard, pages, words
from app.ui.context import core, who

routes = Blueprint("queues", __name__)

_LONGEST: Final = 7


@routes.get("/queues")
@guard.needs("jobs:read")
def show_queues() -> Response:
    shown = queues.queues(core(), who())
    depth = sum(each.depth for each in shown)
    stranded = [each for each in shown if each.stranded]
    idle = [each for each in shown if not each.taking and not each.stranded]
    return pages.page(
        "queues.html",
        title=f"{words.plural(depth, 'task')} waiting · Queues" if depth else "Queues",
        active="queues",
        state="failed" if stranded else "paused" if any(each.queue.paused for each in shown) else "",
        queues=shown,
        stranded=stranded,
        idle=idle,
        operate=queues.OPERATE,
        minutes=queues.MINUTES,
    )


def _limit(core: Core, who: Principal, name: str) -> QueueView:
    wanted = {"max_running": _number("maxRunning"), "max_starts": _number("maxStartsPerMinute")}
    return queues.change(core, who, name, wanted)


def _number(field: str) -> int | None:
    """Of the form; an empty field is no limit. Raises Invalid."""
    text = request.form.get(field, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST):
        wrong = f"must be a whole number of at most {queues.MOST}, or empty for no limit"
        raise Invalid([Problem(f"/{field}", wrong)])
    return int(text)


VERBS: Final[Mapping[str, tuple[Callable[[Core, Principal, str], QueueView], str]]] = {
    "pause": (queues.pause, "is paused: what runs goes on, nothing new of it starts."),
    "resume": (queues.resume, "goes on."),
    "limit": (_limit, "has the limits that were given."),
}


@routes.post("/ui/queues/<queue>/<verb>")
@guard.needs(queues.OPERATE)
def tell_queue(queue: str, verb: str) -> Response:
    if verb not in VERBS:
        raise NotFound(f"a queue can be told to {', '.join(VERBS)}")
    do, said = VERBS[verb]
    do(core(), who(), queue)
    return pages.back(request.form.get("to") or "/queues", f"{queue} {said}")
