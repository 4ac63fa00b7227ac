"""In whose trace does a request come? Its header `traceparent` (W3C Trace Context) goes with the caller, so that what
he submits on any surface belongs to that trace, and with every line that is logged meanwhile.
"""

from dataclasses import replace

from flask import Flask, g, request
from structlog.contextvars import bind_contextvars, unbind_contextvars

from app.domain import trace


def install(app: Flask) -> None:
    """After what finds out who calls."""

    def join() -> None:
        text = request.headers.get(trace.HEADER)
        if text is not None and "who" in g and (context := trace.read(text.strip())):
            g.who = replace(g.who, traceparent=str(context))
            bind_contextvars(traceparent=str(context))

    def leave(_: BaseException | None) -> None:
        if trace.HEADER in request.headers:
            unbind_contextvars("traceparent")

    app.before_request(join)
    app.teardown_request(leave)
