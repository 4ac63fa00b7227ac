"""What the runs of a job have said, all together, in the order it came: by text, level and stream; a run's own log is
one click away from each line.
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from app.domain.errors import NotFound
from app.ports.logs import LEVELS, STREAMS, LinesWanted
from app.ports.records import StoredLine
from app.ports.store import Reader
from app.services import logs
from app.ui import guard
from app.ui.ansi import pieces
from app.ui.context import core, who
from app.ui.job_page import find, job_page

routes = Blueprint("job_log", __name__)

_ROWS: Final = 300
_LONGEST: Final = 200
_MOST: Final = 1 << 60


@routes.get("/jobs/<id:job_id>/log")
@guard.needs("messages:read")
def show_log(job_id: str) -> Response:
    job, after = find(job_id), request.args.get("after", type=int)
    asked = {name: request.args.get(name, "")[:_LONGEST] for name in ("q", "level", "stream")}
    if asked["level"] not in ("", *LEVELS) or asked["stream"] not in ("", *STREAMS):
        raise NotFound(f"levels are {', '.join(LEVELS)}, streams are {', '.join(STREAMS)}")
    wanted = LinesWanted(
        after=None if after is None else min(max(0, after), _MOST),
        text=asked["q"],
        level=asked["level"] or LEVELS[0],
        streams=frozenset({asked["stream"]} if asked["stream"] else ()),
        newest_first="first" not in request.args and after is None,
        limit=_ROWS,
        look_at=logs.LOOK_AT,
    )
    found = logs.find(core(), who(), wanted, job_id=job.id)
    given = {name: value for name, value in asked.items() if value}
    return job_page(
        "job_log.html",
        job,
        "log",
        lines=[(each, pieces(each.line.text)) for each in found.lines],
        names=core().store.read(lambda tx: _names(tx, found.lines)),
        asked=asked,
        is_end=wanted.newest_first,
        is_full=len(found.lines) == _ROWS,
        first_address=_address(job.id, given | {"first": "1"}),
        last_address=_address(job.id, given),
        next_address=_address(job.id, given | {"after": str(found.last)}) if found.more else "",
        streams=STREAMS,
        levels=LEVELS,
    )


def _address(job_id: str, given: dict[str, Any]) -> str:
    return f"/jobs/{job_id}/log" + (f"?{urlencode(given)}" if given else "")


def _names(tx: Reader, lines: Sequence[StoredLine]) -> dict[str, str]:
    found = {task_id: tx.task(task_id) for task_id in {each.task_id for each in lines}}
    return {task_id: view.task.name for task_id, view in found.items() if view is not None}
