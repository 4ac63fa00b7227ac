"""S7, the log of a run: as a viewer that fetches what is looked at, and as plain pages for who has no script.

The script asks `/runs/<id>/log/lines` for stretches and `/runs/<id>/log/find` for the next line with a text. Both
answer with lines as [place, microseconds, stream, level, pieces]; a piece is a text, or [text, look] (`ansi.py`). A
line where a group begins or ends has a sixth member: [name or None, key] (`services/log_groups.py`).
"""

from collections.abc import Sequence
from typing import Any, Final

from flask import Blueprint, Response, request

from app.domain.errors import Invalid, Problem
from app.ports.logs import FAR, LEVELS, STREAMS
from app.ports.records import StoredLine
from app.services import logs, suspicion
from app.services.log_groups import mark_of, marks
from app.services.task_page import run_place
from app.ui import guard, pages
from app.ui.ansi import pieces
from app.ui.context import core, who
from app.ui.outcome import around, outcome

routes = Blueprint("log", __name__)

_PLAIN: Final = 500
_MOST: Final = 2000
_LONGEST: Final = 200


@routes.get("/runs/<id:run_id>/log")
@guard.needs("messages:read")
def show_log(run_id: str) -> Response:
    seen, asked = run_place(core(), who(), run_id), _asked()
    run = seen.run
    # The part that is fetched again and again is without the lines: those are the script's own.
    most = 1 if pages.PART_HEADER in request.headers else _PLAIN
    found = logs.window(core(), who(), run_id, asked["first"], asked["first"] + most - 1)
    filtered = asked["text"] or asked["stream"] or asked["level"] != LEVELS[0]
    lines, next_line = found.lines, None
    if filtered:
        hits = _hits(run_id, asked, limit=_PLAIN)
        lines, next_line = hits.lines, hits.next_line
    elif asked["first"] + len(lines) <= found.total:
        next_line = asked["first"] + len(lines)
    return pages.page(
        "log.html",
        title=f"Log · {seen.view.task.name}",
        active="jobs",
        state=run.state.value,
        job=seen.job,
        task=seen.view.task,
        run=run,
        run_words=outcome(run, seen.view.spec),
        around=around(seen.attempts, run),
        asked=asked,
        filtered=filtered,
        lines=[(each, pieces(each.line.text)) for each in lines],
        total=found.total,
        over=found.over,
        next_line=next_line,
        page_lines=_PLAIN,
        streams=STREAMS,
        levels=LEVELS,
        began_us=run.started_at_us or run.created_at_us,
    )


@routes.get("/runs/<id:run_id>/log/lines")
@guard.needs("messages:read")
def read_lines(run_id: str) -> Response:
    """Those from `first` to `last`."""
    first, last = request.args.get("first", 1, type=int), request.args.get("last", FAR, type=int)
    found = logs.window(core(), who(), run_id, first, min(last, max(first, 1) + _MOST - 1))
    return pages.fragment({"lines": _shown(found.lines), "total": found.total, "over": found.over})


@routes.get("/runs/<id:run_id>/log/find")
@guard.needs("messages:read")
def find_line(run_id: str) -> Response:
    """`place` of the next line from `first` on that has the text `q`, or None; `next` is where to go on looking."""
    asked = _asked()
    backwards = "back" in request.args
    hits = _hits(run_id, asked, limit=1, backwards=backwards)
    place = hits.lines[0].place if hits.lines else None
    return pages.fragment({"place": place, "next": hits.next_line if place is None else None})


@routes.get("/runs/<id:run_id>/log/trouble")
@guard.needs("messages:read")
def find_trouble(run_id: str) -> Response:
    return pages.fragment({"place": suspicion.first_error(core(), who(), run_id)})


@routes.get("/runs/<id:run_id>/log/groups")
@guard.needs("messages:read")
def find_groups(run_id: str) -> Response:
    """`marks` from the line `first` on as [place, name or None, key]; `next` is where to go on looking, or None."""
    found = marks(core(), who(), run_id, request.args.get("first", 1, type=int))
    told = [[mark.place, mark.name, mark.key] for mark in found.marks]
    return pages.fragment({"marks": told, "next": found.next_line})


@routes.get("/runs/<id:run_id>/log/raw")
@guard.needs("messages:read")
def read_raw(run_id: str) -> Response:
    found = logs.file(core(), who(), run_id)
    response = Response(found.pieces, mimetype="text/plain")
    response.headers["Content-Length"] = str(found.size)
    response.headers["Content-Disposition"] = f'attachment; filename="run-{run_id}.log"'
    return response


def _asked() -> dict[str, Any]:
    """What the address asks for. Raises Invalid."""
    stream, level = request.args.get("stream", ""), request.args.get("level", LEVELS[0])
    if stream and stream not in STREAMS:
        raise Invalid([Problem("stream", f"must be one of {', '.join(STREAMS)}")])
    if level not in LEVELS:
        raise Invalid([Problem("level", f"must be one of {', '.join(LEVELS)}")])
    return {
        "first": min(max(1, request.args.get("first", 1, type=int)), FAR - _MOST),
        "text": request.args.get("q", "")[:_LONGEST],
        "match_case": "case" in request.args,
        "stream": stream,
        "level": level,
    }


def _hits(run_id: str, asked: dict[str, Any], *, limit: int, backwards: bool = False) -> logs.Hits:
    return logs.search(
        core(),
        who(),
        run_id,
        asked["text"],
        match_case=asked["match_case"],
        level=asked["level"],
        streams=(asked["stream"],) if asked["stream"] else (),
        start=asked["first"],
        backwards=backwards,
        limit=limit,
    )


def _shown(lines: Sequence[StoredLine]) -> list[list[Any]]:
    return [
        [
            each.place,
            each.line.at_us,
            each.line.stream,
            each.line.level,
            [[piece.text, piece.look] if piece.look else piece.text for piece in pieces(each.line.text)],
            *([[mark.name, mark.key]] if (mark := mark_of(each.place, each.line.text)) else []),
        ]
        for each in lines
    ]
