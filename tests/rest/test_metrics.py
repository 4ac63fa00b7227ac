"""Measurements: what they say of a known world, who may read them, and that their labels are bounded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.ports.gauges import Work
from app.rest import metrics
from app.rest.measured import MOST_LABELS, OTHER, measured
from app.services import measures
from app.services.tally import BUCKETS_S, MOST_NAMES, bucket
from app.wire.resources import Resources, Route
from app.wire.usage import Usage
from tests.rest.conftest import Api, make_api, noop

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-")


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "FRESH_S", 0.0)


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    api = make_api(tmp_path_factory.mktemp("metrics"))
    live_in(api)
    yield api
    api.core.store.close()
    api.broker.close()


def live_in(api: Api) -> None:
    """One that succeeds, one that fails and is tried again, one that runs, and what waits behind it."""
    api.join()
    ends = [("succeeded", 0.3), ("failed", 20.0)]
    api.submit(noop("good"), noop("bad", limitations={"maxAttempts": 2, "retryDelayInSeconds": 3600}))
    for (state, wall_s), spec in zip(ends, [*api.claim(), *api.claim()], strict=True):
        usage = Usage(wall_s=wall_s).to_wire()
        ending = {"state": state, "atUs": 0}
        if state == "failed":
            ending["error"] = {"code": "exit_code", "message": "it ended with 1"}
        told = {"runId": spec["runId"], "fence": spec["fence"], "sequence": 1, "usage": usage, "ending": ending}
        assert api.report(told).status_code == 200
    for stale in (
        {"runId": spec["runId"], "fence": 7, "sequence": 9},
        {"runId": spec["runId"], "fence": spec["fence"], "sequence": 9},
    ):
        assert api.report(stale).status_code == 409
    api.submit(noop("runs", requirements={"cpu": 2, "memory": 512}), noop("waits", needs=["runs"]))
    api.claim()
    paused = api.submit(noop("paused", tag="linux"))
    api.post(f"/v1/jobs/{paused['id']}/pause")
    api.core.tally.flush(api.core.store)


def read(api: Api) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = api.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "text/plain"
    families = list(text_string_to_metric_families(answer.text))
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for each in families for one in each.samples}


def value(found: Mapping[tuple[str, tuple[tuple[str, str], ...]], float], name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_they_say_what_is(lived_in: Api) -> None:
    lived_in.report()  # the node is there, however long ago it joined
    found = read(lived_in)
    states = {"waiting": 1, "running": 1, "queued": 0, "held": 1, "ready": 1}
    for state, count in states.items():
        assert value(found, "flotilla_queue_tasks", queue="@default", state=state) == count, state
    place = {"queue": "@default", "tag": "", "executor": "python"}
    assert value(found, "flotilla_work_cpu_cores", **place, state="running") == 2
    assert value(found, "flotilla_work_memory_bytes", **place, state="running") == 512 << 20
    assert value(found, "flotilla_work_tasks", **{**place, "tag": "linux"}, state="held") == 1
    assert value(found, "flotilla_queue_jobs", queue="@default", state="paused") == 1
    assert value(found, "flotilla_queue_oldest_seconds", queue="@default") < 60
    assert value(found, "flotilla_nodes", state="online") == 1
    assert value(found, "flotilla_node_cpu_cores", node="node-1", kind="total") == 4


def test_they_count_what_was(lived_in: Api) -> None:
    found = read(lived_in)
    assert value(found, "flotilla_runs_ended_total", executor="python", state="succeeded") == 1
    assert value(found, "flotilla_runs_ended_total", executor="python", state="failed") == 1
    assert value(found, "flotilla_runs_unsuccessful_total", cause="exit_code", state="failed") == 1
    assert value(found, "flotilla_task_retries_total", cause="exit_code") == 1
    assert value(found, "flotilla_reports_total", outcome="fenced") == 1
    assert value(found, "flotilla_reports_total", outcome="refused") == 1
    assert value(found, "flotilla_run_duration_seconds_bucket", executor="python", le="0.5") == 1
    assert value(found, "flotilla_run_duration_seconds_bucket", executor="python", le="60") == 2
    assert value(found, "flotilla_run_duration_seconds_count", executor="python") == 2
    assert value(found, "flotilla_run_duration_seconds_sum", executor="python") == pytest.approx(20.3)


def test_requests_are_counted_by_their_route(lived_in: Api) -> None:
    lived_in.get("/v1/jobs/01a1fa7f-297b-774b-8000-0000000000ff")
    lived_in.get("/nothing/here")
    lived_in.send("BREW", "/v1/jobs")
    found = read(lived_in)
    routes = {dict(labels)["route"] for name, labels in found if name == "flotilla_http_request_duration_seconds_count"}
    assert {"/v1/jobs/<id:job_id>", "/v1/nodes/<key:node_id>/reports", "none"} <= routes
    methods = {dict(labels).get("method") for name, labels in found if name.endswith("duration_seconds_count")}
    assert "other" in methods
    assert "BREW" not in methods


def test_no_id_is_in_them(lived_in: Api) -> None:
    assert not UUID.search(lived_in.get("/metrics").text)


def test_who_may_not_measure_the_whole_is_refused(lived_in: Api) -> None:
    answers = {role: lived_in.get("/metrics", as_=role).status_code for role in ("viewer", "member", "foreign", "node")}
    assert answers == dict.fromkeys(answers, 403)
    assert lived_in.get("/metrics", as_=None).status_code == 401
    made = lived_in.post("/v1/tokens", {"name": "prometheus", "role": "admin", "scopes": ["metrics:read"]}).json
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert lived_in.get("/metrics", headers=bearer).status_code == 200
    assert lived_in.get("/v1/jobs", headers=bearer).status_code == 403


def test_the_store_is_asked_once_for_many_that_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "FRESH_S", 60.0)
    api = make_api(tmp_path)
    asked = []
    monkeypatch.setattr(measures, "measure", lambda core: asked.append(core) or MEASURE(core))
    for _ in range(5):
        read(api)
    assert len(asked) == 1
    api.core.store.close()
    api.broker.close()


MEASURE = measures.measure


def test_labels_are_bounded(lived_in: Api) -> None:
    one = Resources(cpu_milli=1000, memory_mib=1)
    many = [
        Work(
            route=Route(queue=f"q{n:04}", tag="t", executor=f"e{n}", version="", shape=one).key,
            phase="queued",
            count=n + 1,
        )
        for n in range(1000)
    ]
    families = {each.name: each for each in measured(replace(measures.measure(lived_in.core), work=many))}
    queues = {sample.labels["queue"] for sample in families["flotilla_queue_tasks"].samples}
    assert len(queues) <= MOST_LABELS + 1
    assert {OTHER, "q0999"} <= queues
    total = sum(one.value for one in families["flotilla_work_cpu_cores"].samples)
    assert total == sum(range(1, 1001)), "none is lost in the rest"
    assert len(families["flotilla_work_tasks"].samples) <= MOST_LABELS + 1


def test_names_that_are_counted_are_bounded(tmp_path: Path) -> None:
    api = make_api(tmp_path)
    for number in range(MOST_NAMES + 50):
        api.core.tally.count("task_retries", f"cause {number}")
    api.core.tally.flush(api.core.store)
    for number in range(MOST_NAMES + 50):
        api.core.tally.count("task_retries", f"other cause {number}")
    api.core.tally.flush(api.core.store)
    tallies = api.core.store.read(lambda tx: tx.tallies())
    assert len(tallies) == MOST_NAMES + 1
    assert sum(tallies.values()) == 2 * (MOST_NAMES + 50)
    api.core.store.close()
    api.broker.close()


def test_every_duration_has_a_bucket() -> None:
    assert [bucket(bound) for bound in BUCKETS_S] == [f"{bound:g}" for bound in BUCKETS_S]
    assert (bucket(0), bucket(1e9)) == ("0.01", "+Inf")
