"""Spans go to an OpenTelemetry collector over OTLP and HTTP, many at a time, from a thread of the SDK's.

What cannot be sent within its time is dropped and said in the log; nothing else waits for it. The SDK's own variables
(OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_...) hold. It is imported only by
processes that trace: the extra `otel` need not be installed elsewhere.
"""

import os
from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode

from app.ports.tracer import Span

SERVICE = "flotilla"
PATH = "/v1/traces"
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class OtelTracer:
    """`endpoint` is the collector's address without a path, as http://localhost:4318."""

    def __init__(self, endpoint: str, version: str) -> None:
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint.rstrip("/") + PATH))
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": SERVICE}
        self._resource = Resource.create({**named, "service.version": version})
        self._scope = InstrumentationScope(SERVICE, version)

    def tell(self, spans: Sequence[Span]) -> None:
        for span in spans:
            self._processor.on_end(self._translated(span))

    def close(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # of the SDK

    def _translated(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace, span.span, remote=False),
            parent=None if span.parent is None else _context(span.trace, span.parent, remote=span.serves),
            resource=self._resource,
            attributes=span.attributes,
            kind=SpanKind.SERVER if span.serves else SpanKind.INTERNAL,
            status=Status(StatusCode.UNSET) if span.failed is None else Status(StatusCode.ERROR, span.failed),
            start_time=span.start_us * 1000,
            end_time=span.end_us * 1000,
            instrumentation_scope=self._scope,
        )


def _context(trace: str, span: str, *, remote: bool) -> SpanContext:
    return SpanContext(int(trace, 16), int(span, 16), is_remote=remote, trace_flags=_SAMPLED)
