"""What is logged while a request is answered says which one, and which job, task, run or node its address names."""

from typing import Final

from flask import Flask, g, request
from structlog.contextvars import bind_contextvars, reset_contextvars

from app.rest import problems

_NAMED: Final = frozenset({"job_id", "task_id", "run_id", "node_id"})
_LONGEST: Final = 64


def install(app: Flask) -> None:
    """Before anything that may log."""

    def begin() -> None:
        named = {key: str(value)[:_LONGEST] for key, value in (request.view_args or {}).items() if key in _NAMED}
        g.logged = bind_contextvars(request_id=problems.request_id(request), **named)

    def end(_: BaseException | None) -> None:
        if "logged" in g:
            reset_contextvars(**g.pop("logged"))

    app.before_request(begin)
    app.teardown_request(end)
