"""A run's log as a file, behind a signed address that needs no token."""

from typing import Final

from flask import Response

from app.rest import auth
from app.rest.context import core, who
from app.rest.dialects.flow.blueprint import FlowBlueprint
from app.services import logs

PREFIX: Final = "/flow/storage/v1/logs/"

routes = FlowBlueprint("flow_logs", __name__, description="Logs as files")


def link(job_id: str, run_id: str, lifetime_s: int) -> str:
    """Relative to the server's root. Raises NotFound."""
    return PREFIX + logs.sign(core(), who(), job_id, run_id, lifetime_s)


@routes.get(f"{PREFIX}<signed>")
@auth.scope(auth.PUBLIC)
@routes.response(200, content_type="text/plain", description="Standard output and error, in order")
def read_log(signed: str) -> Response:
    """What a run's program has said"""
    answer = Response(logs.by_link(core(), signed), mimetype="text/plain")
    answer.headers["Content-Disposition"] = 'attachment; filename="output.log"'
    return answer
