"""What is said in a job: lines of its runs, and why tasks failed, each with how grave it is and where it comes from."""

from collections.abc import Sequence

from marshmallow import fields

from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.alteryx import words
from app.rest.dialects.alteryx.blueprint import AlteryxBlueprint
from app.rest.native.schemas.shown import Document, Shown
from app.services import own
from app.services.own import Said

routes = AlteryxBlueprint("alteryx_messages", __name__, description="What is said in a job")


class MessageShown(Shown):
    status = fields.Integer(required=True, metadata={"description": "1 information, 2 warning, 3 error."})
    text = fields.String(required=True)
    toolId = fields.Integer(required=True, metadata={"description": "The task's position in the job, from 0."})

    @staticmethod
    def show(value: Said) -> Document:
        return {"status": severity(value), "text": value.text, "toolId": value.place}


class MessagesShown(MessageShown):
    """The most severe message, of these the latest, and with it all of them, oldest first."""

    messages = fields.List(
        fields.Nested(MessageShown), required=True, metadata={"description": f"At most {own.MOST_LINES} lines."}
    )

    @staticmethod
    def show(value: Sequence[Said]) -> Document:  # type: ignore[override]  # of many
        shown = [MessageShown.show(each) for each in value]
        worst = max(reversed(shown), key=lambda each: int(each["status"]), default=_NOTHING)
        return {**worst, "messages": shown}


_NOTHING: Document = {"status": words.INFORMATION, "text": "", "toolId": 0}


def severity(value: Said) -> int:
    if value.line is None or value.line.line.level == "error":
        return words.ERROR
    warns = value.line.line.level == "warning" or value.line.line.stream == "stderr"
    return words.WARNING if warns else words.INFORMATION


@routes.get("/webapi/v3/jobs/<id:job_id>/messages")
@auth.scope(own.EVERYBODYS)
@routes.response(200, MessagesShown)
def read_messages(job_id: str) -> list[Said]:
    """All messages of a job; for Curators only"""
    return own.messages(core(), who(), job_id)
