"""Where spans are told: one trace from the request to its runs, by ids that follow from what they are about."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app import bootstrap
from app.adapters.traced_store import TracedStore
from app.config import SettingError, Settings
from app.domain import trace
from app.domain.trace import span_of
from app.ports.tracer import Span
from app.rest import application
from tests.rest.conftest import SUBMIT, Api, noop

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACED = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
UNWANTED = {"traceparent": f"00-{TRACE}-{CALLER}-00"}


@dataclass
class Recorder:
    told: list[Span] = field(default_factory=list)

    def tell(self, spans: Sequence[Span]) -> None:
        self.told += spans

    def close(self) -> None:
        """Nothing is sent."""

    def take(self) -> dict[str, Span]:
        """By name, those of requests without their addresses."""
        spans, self.told = self.told, []
        return {"request" if span.serves else span.name: span for span in spans}


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def traced(api: Api, recorder: Recorder) -> Api:
    core = replace(api.core, store=TracedStore(api.core.store, recorder), tracer=recorder)
    made = Api(app=application.build(core), core=core, broker=api.broker, tokens=api.tokens)
    made.join()
    return made


def end(api: Api, spec: dict[str, Any], state: str = "succeeded", **more: Any) -> None:
    ending = {"state": state, "atUs": 0, **more}
    report = {"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "startedAtUs": 1, "ending": ending}
    assert api.report(report).status_code == 200


def test_a_job_is_one_trace_below_the_caller(traced: Api, recorder: Recorder) -> None:
    job = traced.post(SUBMIT, {"name": "film", "tasks": [noop("mesh")]}, headers=TRACED).json
    request = recorder.take()["request"]
    assert (request.name, request.trace, request.parent) == ("POST /v1/queues/<queue>/jobs", TRACE, CALLER)
    assert job["traceparent"] == f"00-{TRACE}-{request.span}-01"
    (spec,) = traced.claim()
    assert recorder.take() == {}
    end(traced, spec)
    spans = recorder.take()
    assert set(spans) == {"job film", "task mesh", "run mesh"}
    job_span, task_span, run_span = spans["job film"], spans["task mesh"], spans["run mesh"]
    assert {span.trace for span in spans.values()} == {TRACE}
    assert (job_span.parent, task_span.parent, run_span.parent) == (request.span, job_span.span, task_span.span)
    assert (job_span.span, run_span.span) == (span_of("job", job["id"]), span_of("run", spec["runId"]))
    assert spec["trace"] == f"00-{TRACE}-{run_span.span}-01"
    assert job_span.start_us <= run_span.start_us <= run_span.end_us <= job_span.end_us
    assert run_span.attributes["flotilla.run.state"] == "succeeded"
    assert {span.failed for span in spans.values()} == {None}


def test_without_a_caller_the_request_is_the_root(traced: Api, recorder: Recorder) -> None:
    job = traced.submit(noop("a"))
    request = recorder.take()["request"]
    context = trace.read(job["traceparent"])
    assert context is not None
    assert (request.parent, request.trace, request.span) == (None, context.trace, context.span)


def test_failed_attempts_are_spans_of_their_own_and_say_why(traced: Api, recorder: Recorder) -> None:
    task = noop("a", limitations={"maxAttempts": 2})
    traced.post(SUBMIT, {"name": "j", "tasks": [task]}, headers=TRACED)
    recorder.take()
    error = {"code": "exit_code", "message": "ended with 3"}
    end(traced, *traced.claim(), state="failed", error=error)
    first = recorder.take()
    assert set(first) == {"run a"}
    end(traced, *traced.claim(), state="failed", error=error)
    second = recorder.take()
    assert set(second) == {"run a", "task a", "job j"}
    assert first["run a"].span != second["run a"].span
    assert first["run a"].failed == second["run a"].failed == second["task a"].failed == "ended with 3"
    assert second["job j"].failed == "1 of 1 tasks failed"


def test_values_of_a_map_are_runs_below_the_map(traced: Api, recorder: Recorder) -> None:
    inner = {key: value for key, value in noop("x").items() if key != "name"}
    a_map = {"name": "m", "type": "map", "values": {"source": [1, 2]}, "task": inner}
    traced.post(SUBMIT, {"name": "j", "tasks": [a_map]}, headers=TRACED)
    recorder.take()
    for spec in [*traced.claim(), *traced.claim()]:
        end(traced, spec)
    told = [span for span in recorder.told if not span.serves]
    runs = [span for span in told if span.name == "run m"]
    (map_span,) = (span for span in told if span.name == "task m")
    assert [span.attributes["flotilla.map.index"] for span in runs] == [0, 1]
    assert {span.parent for span in runs} == {map_span.span}


def test_what_a_cancel_ends_is_told_too(traced: Api, recorder: Recorder) -> None:
    job = traced.post(SUBMIT, {"name": "j", "tasks": [noop("a")]}, headers=TRACED).json
    recorder.take()
    traced.post(f"/v1/jobs/{job['id']}/cancel")
    assert recorder.take()["job j"].attributes["flotilla.job.state"] == "canceled"
    traced.send("PATCH", f"/v1/jobs/{job['id']}", {"name": "k"}, headers={"If-Match": "*"})
    assert set(recorder.take()) == {"request"}


def test_what_the_caller_does_not_want_recorded_is_not_and_goes_on_all_the_same(
    traced: Api, recorder: Recorder
) -> None:
    job = traced.post(SUBMIT, {"name": "j", "tasks": [noop("a")]}, headers=UNWANTED).json
    (spec,) = traced.claim()
    end(traced, spec)
    assert recorder.take() == {}
    assert job["traceparent"].startswith(f"00-{TRACE}-")
    assert spec["trace"] == f"00-{TRACE}-{span_of('run', spec['runId'])}-00"


def test_what_sends_spans_is_not_imported_where_none_are_told() -> None:
    """The SDK itself may be: the client of Redis imports it where it is installed."""
    script = (
        "import sys, app.main, app.engine; "
        "print({'app.adapters.otel_tracer', 'opentelemetry.exporter', 'opentelemetry.sdk.trace'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_spans_that_are_asked_for_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "app.adapters.otel_tracer", None)
    least = {"FLOTILLA_DATABASE_URL": "sqlite:////tmp/x.db", "FLOTILLA_BROKER_URL": "redis+socket:///tmp/x"}
    with pytest.raises(SettingError, match=r"flotilla\[otel\]"):
        bootstrap.open_tracer(Settings.from_environ(least | {"FLOTILLA_OTEL_ENDPOINT": "http://localhost:4318"}))
    for theirs in ("http://localhost:4318", "localhost:4317", ""):
        assert bootstrap.open_tracer(Settings.from_environ(least | {"OTEL_EXPORTER_OTLP_ENDPOINT": theirs})) is None


def test_reading_has_a_span_only_within_a_trace_and_refusals_say_their_status(traced: Api, recorder: Recorder) -> None:
    traced.get("/v1/jobs")
    assert recorder.take() == {}
    traced.get("/v1/jobs", headers=TRACED)
    assert recorder.take()["request"].name == "GET /v1/jobs"
    traced.post(SUBMIT, {"name": 1})
    request = recorder.take()["request"]
    assert (request.attributes["http.response.status_code"], request.failed) == (422, None)
