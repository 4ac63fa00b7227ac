"""In whose trace does a request come? Its header `traceparent` (W3C Trace Context) goes with the caller, so that what
he submits on any surface belongs to that trace, and with every line that is logged meanwhile.

Where spans are told, the request has one of its own, and what it causes hangs below that: those that change something,
and those that come with a trace. What nodes and runs say all the time has none.
"""

import os
import time
from dataclasses import replace

from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, unbind_contextvars

from app.domain import trace
from app.domain.trace import Context
from app.ports.tracer import Span, Tracer

READING = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_NODES = frozenset({"node", "join", "run"})
_FAULT = 500


def install(app: Flask, tracer: Tracer | None = None) -> None:
    """After what finds out who calls."""

    def join() -> None:
        if "who" not in g:
            return
        text = request.headers.get(trace.HEADER)
        context = trace.read(text.strip()) if text is not None else None
        if tracer and (context or (request.method not in READING and g.who.role not in _OF_NODES)):
            g.trace_parent, g.trace_start_us = context, time.time_ns() // 1000
            fresh = os.urandom(8).hex()
            context = context.within(fresh) if context else Context(trace=os.urandom(16).hex(), span=fresh)
            g.trace_context = context
        if context:
            g.who = replace(g.who, traceparent=str(context))
            bind_contextvars(traceparent=str(context))
            g.trace_bound = True

    def tell(response: Response) -> Response:
        if tracer and "trace_context" in g and g.trace_context.sampled:
            tracer.tell([_span(g.trace_context, g.trace_parent, g.trace_start_us, response)])
        return response

    def leave(_: BaseException | None) -> None:
        if "trace_bound" in g:
            unbind_contextvars("traceparent")

    app.before_request(join)
    app.after_request(tell)
    app.teardown_request(leave)


def _span(context: Context, parent: Context | None, start_us: int, response: Response) -> Span:
    rule = request.url_rule.rule if request.url_rule else "?"
    return Span(
        name=f"{request.method} {rule}",
        trace=context.trace,
        span=context.span,
        parent=parent.span if parent else None,
        start_us=start_us,
        end_us=time.time_ns() // 1000,
        serves=True,
        failed=str(response.status) if response.status_code >= _FAULT else None,
        attributes={
            "http.request.method": request.method,
            "http.route": rule,
            "http.response.status_code": response.status_code,
            "enduser.id": g.who.name,
        },
    )
