"""What runs have said, line by line or as a file. Who follows a log asks again with `followCursor`: an answer without
news is one look at an index, and no thread waits for lines to come.
"""

from collections.abc import Mapping
from typing import Any

from flask import Response

from app.domain import limits
from app.ports.logs import FAR, LEVELS, LinesWanted
from app.rest import auth, outgoing, paging
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.messages import LogQuery, MessageList, Messages, MessagesQuery, RunMessagesQuery
from app.services import logs

routes = NativeBlueprint("messages", __name__, description="What runs have said")

LISTEN = auth.scope("messages:read")
Answer = tuple[Messages, dict[str, str]]


@routes.get("/v1/jobs/<id:job_id>/messages")
@LISTEN
@routes.arguments(MessagesQuery, location="query")
@routes.response(200, MessageList)
def list_job_messages(asked: Mapping[str, Any], job_id: str) -> Answer:
    """What a job's runs said, in order of arrival"""
    return _window(asked, job_id=job_id)


@routes.get("/v1/tasks/<id:task_id>/messages")
@LISTEN
@routes.arguments(MessagesQuery, location="query")
@routes.response(200, MessageList)
def list_task_messages(asked: Mapping[str, Any], task_id: str) -> Answer:
    """What a task's runs said"""
    return _window(asked, task_id=task_id)


@routes.get("/v1/runs/<id:run_id>/messages")
@LISTEN
@routes.arguments(RunMessagesQuery, location="query")
@routes.response(200, MessageList)
def list_run_messages(asked: Mapping[str, Any], run_id: str) -> Answer:
    """What a run said"""
    return _window(asked, run_id=run_id)


@routes.get("/v1/runs/<id:run_id>/log")
@LISTEN
@routes.arguments(LogQuery, location="query")
@routes.response(200, content_type="text/plain", description="Standard output and error in order, as long as it is now")
def read_log(asked: Mapping[str, Any], run_id: str) -> Response:
    """What a run's program said, as a file"""
    found = logs.file(core(), who(), run_id, asked.get("stream") or ("stdout", "stderr"))
    answer = Response(found.pieces, mimetype="text/plain")
    answer.content_length = found.size
    answer.headers["Content-Disposition"] = outgoing.disposition(f"{run_id}.log")
    return answer


def _window(asked: Mapping[str, Any], **whose: str) -> Answer:
    after = paging.begin(asked)
    limit = asked.get("limit", limits.DEFAULT_PAGE)
    tail = asked.get("tail") if after is None else None
    wanted = LinesWanted(
        after=after[0] if after else None,
        first=asked.get("from_line", 1),
        last=asked.get("to_line", FAR),
        streams=frozenset(asked.get("stream", ())),
        level=asked.get("level", LEVELS[0]),
        text=asked.get("q", ""),
        match_case=asked.get("match_case") == "true",
        newest_first=tail is not None,
        limit=tail or limit,
        look_at=logs.LOOK_AT,
    )
    found = logs.find(core(), who(), wanted, **whose)
    following = paging.cursor((found.last,))
    answer = Messages(items=found.lines, next_cursor=following if found.more else None, follow_cursor=following)
    return answer, paging.links(answer.next_cursor)
