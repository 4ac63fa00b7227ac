"""What a run tells of itself, with the token in its FLOTILLA_RUN_TOKEN."""

from collections.abc import Mapping
from typing import Any

from app.rest import auth
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.tell_in import MessagesIn, ProgressIn, ResultIn
from app.services import tell

routes = NativeBlueprint("own", __name__, description="What a run tells of itself, with its own token")

SELF = auth.scope(tell.SCOPE)


@routes.post("/v1/runs/<id:run_id>/progress")
@SELF
@routes.arguments(ProgressIn)
@routes.response(204)
def tell_progress(said: Mapping[str, Any], run_id: str) -> None:
    """How far this run is, and what it does now"""
    tell.progress(core(), who(), run_id, **said)


@routes.post("/v1/runs/<id:run_id>/messages")
@SELF
@routes.arguments(MessagesIn)
@routes.response(204)
def tell_messages(said: Mapping[str, Any], run_id: str) -> None:
    """Messages for this run's log"""
    tell.messages(core(), who(), run_id, [tell.Said(**one) for one in said["messages"]])


@routes.post("/v1/runs/<id:run_id>/result")
@SELF
@routes.arguments(ResultIn)
@routes.response(204)
def tell_result(said: Mapping[str, Any], run_id: str) -> None:
    """This run's result, unless the program ends with another"""
    tell.result(core(), who(), run_id, said["result"])
