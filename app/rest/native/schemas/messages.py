"""What runs have said: as asked for and as answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from marshmallow import fields

from app.domain import limits
from app.ports.logs import LEVELS, STREAMS
from app.ports.records import StoredLine
from app.rest.native.fields import Choice, Number, Strict, Text, Time, rfc3339
from app.rest.native.schemas.queries import PageQuery
from app.rest.native.schemas.shown import Document, Pages, Shown

_LARGEST = 2**62 - 1


class MessagesQuery(PageQuery):
    level = Choice(LEVELS, metadata={"description": "This level and graver ones."})
    stream = fields.List(Choice(STREAMS), metadata={"description": "May be repeated."})
    q = Text(limits.MAX_QUERY, metadata={"description": "Found anywhere in the line, ignoring case."})
    match_case = Choice(("true", "false"), data_key="matchCase", metadata={"description": "true: q as it is written."})
    tail = Number(
        1, limits.MAX_PAGE, metadata={"description": "Begin with the last so many. Without effect beside a cursor."}
    )


class RunMessagesQuery(MessagesQuery):
    from_line = Number(1, _LARGEST, data_key="fromLine")
    to_line = Number(1, _LARGEST, data_key="toLine")


class LogQuery(Strict):
    stream = fields.List(Choice(STREAMS), metadata={"description": "Default stdout and stderr; may be repeated."})


class MessageShown(Shown):
    id = fields.UUID()
    runId = fields.UUID()
    taskId = fields.UUID()
    line = fields.Integer(metadata={"description": "From 1 within the run, in the order of arrival, without gaps."})
    time = Time()
    stream = fields.String(metadata={"description": "stdout, stderr or system."})
    level = fields.String(metadata={"description": "debug, info, warning or error. What a program prints is info."})
    text = fields.String()

    @staticmethod
    def show(value: StoredLine) -> Document:
        line = value.line
        return {
            "id": str(uuid5(UUID(value.run_id), str(value.place))),
            "runId": value.run_id,
            "taskId": value.task_id,
            "line": value.place,
            "time": rfc3339(line.at_us),
            "stream": line.stream,
            "level": line.level,
            "text": line.text,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """One window. `next_cursor` is None where nothing follows by now."""

    items: Sequence[StoredLine]
    next_cursor: str | None
    follow_cursor: str


class MessageList(Pages):
    """A search looks at 100,000 lines at a time: a page may have few items, or none, and a nextCursor all the same."""

    item = MessageShown
    items = fields.List(fields.Nested(MessageShown), required=True)
    nextCursor = fields.String(metadata={"description": "For the query parameter cursor; absent at the end."})
    followCursor = fields.String(
        required=True,
        metadata={"description": "As nextCursor, also at the end: asked with it again, the list gives what has come."},
    )

    def dump(self, obj: Any, *, many: bool | None = None) -> Document:
        return {**super().dump(obj, many=many), "followCursor": obj.follow_cursor}
