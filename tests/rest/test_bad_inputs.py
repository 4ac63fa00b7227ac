"""Bad inputs by the numbers of the security design's list, for the native API: the answer, and that nothing came in.

What needs a real socket is in `test_server.py`, bodies in `test_body.py`, contents of a job in `test_refusals.py`.
"""

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.domain import limits
from tests.rest.conftest import NODE_ID, ROOM, SUBMIT, Api, noop

MIB = 1 << 20
MISSING = "01a1fa7f-297b-774b-8000-0000000000ff"

Ask = Callable[[Api], TestResponse]


def job(*tasks: Any, **more: Any) -> Ask:
    return lambda api: api.post(SUBMIT, {"name": "j", "tasks": list(tasks), **more})


def task(**more: Any) -> Ask:
    return job({**noop("a"), **more})


def raw(data: bytes, kind: str = "application/json", **headers: str) -> Ask:
    return lambda api: api.post(SUBMIT, raw=data, headers={"Content-Type": kind, **headers})


def get(path: str, **headers: str) -> Ask:
    return lambda api: api.get(path, headers=headers)


def reads(path: str) -> Ask:
    return task(inputs=[{"source": {"uri": "https://example.org/x"}, "target": {"path": path}}])


def fetches(uri: str) -> Ask:
    return task(inputs=[{"source": {"uri": uri}, "target": {"path": "x"}}])


def renders(source: Any, **more: Any) -> Ask:
    inner = {"executor": "python", "payload": {"callable": "noop"}}
    return job({"name": "m", "type": "map", "task": inner, "values": {"source": source}, **more})


def as_(header: str | None) -> Ask:
    return lambda api: api.get("/v1/jobs", as_=None, headers={} if header is None else {"Authorization": header})


def keyed(key: str) -> Ask:
    return lambda api: api.post("/v1/projects", {"name": "p"}, headers={"Idempotency-Key": key})


def report(**said: Any) -> Ask:
    one = {"runId": "r", "fence": 1, "sequence": 1, **said}
    return lambda api: api.post(f"/v1/nodes/{NODE_ID}/reports", {"free": ROOM, "reports": [one]}, as_="node")


ROWS: list[tuple[int, str, Ask, int]] = [
    (1, "a hundred thousand brackets", raw(b"[" * 100_000), 400),
    (2, "a job of 33 MiB", raw(b" " * (33 * MIB)), 413),
    (2, "9 MiB for a project", lambda api: api.post("/v1/projects", raw=b" " * (9 * MIB)), 413),
    (3, "a bomb", raw(gzip.compress(b" " * (10 * MIB)), **{"Content-Encoding": "gzip"}), 413),
    (3, "an unknown encoding", raw(b"x", **{"Content-Encoding": "zstd"}), 415),
    *[(4, text, raw(b'{"name": %s}' % text.encode()), 400) for text in ("NaN", "Infinity", "-Infinity", "1e999")],
    (5, "a lone surrogate", raw(b'{"name": "\\ud800"}'), 400),
    *[(6, repr(path), reads(path), 422) for path in ("a\0b", "a\x07b")],
    (7, "twin keys", raw(b'{"name": "a", "name": "b", "tasks": []}'), 400),
    *[(8, kind or "none", raw(b"{}", kind), 415) for kind in ("text/plain", "", "application/xml")],
    (9, "1001 code points", task(name="x" * 1001), 422),
    (9, "an empty name", task(name=""), 422),
    (9, "1000 emoji", lambda api: api.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": [noop("🚢" * 1000)]}), 200),
    *[
        (10, json.dumps(name)[:30], task(executor=name), 422)
        for name in ("", "x" * 201, {}, {"name": []}, {"name": "x", "extra": 1})
    ],
    *[(11, repr(cpu)[:9], task(requirements={"cpu": cpu}), 422) for cpu in (0, -1, 17, 1.5, "4", True, 10**30)],
    *[(12, str(memory), task(requirements={"memory": memory}), 422) for memory in (122_881, -1)],
    *[(13, str(s), task(limitations={"maxExecutionTimeInSeconds": s}), 422) for s in (0, 172_801, None)],
    (14, "two of one name", job(noop("a"), noop("a")), 422),
    (15, "a task that needs itself", job(noop("a", needs=["a"])), 422),
    (15, "a cycle of two", job(noop("a", needs=["b"]), noop("b", needs=["a"])), 422),
    (16, "an unknown need", job(noop("a", needs=[MISSING])), 422),
    *[
        (18, repr(path)[:20], reads(path), 422)
        for path in ("../x", "/etc/passwd", "a/../../b", "//x", ".", "", "x" * 4001)
    ],
    (
        19,
        "two inputs with one target",
        task(
            inputs=[
                {"source": {"uri": "https://h/1"}, "target": {"path": "a"}},
                {"source": {"uri": "https://h/2"}, "target": {"path": "a/b"}},
            ]
        ),
        422,
    ),
    *[
        (20, uri, fetches(uri), 422)
        for uri in ("file:///etc/passwd", "gopher://h/", "ftp://h/", "http://user:pw@h/", "javascript:1")
    ],
    (21, "a way out of a bucket", fetches("s3://bucket/../other"), 422),
    *[
        (23, name, job({"name": "a", "executor": "command", "payload": {"argv": ["true"], "env": {name: value}}}), 422)
        for name, value in (("LD_PRELOAD", "x"), ("=x", "x"), ("A", "x\0"), ("B", "x" * (10 * MIB)))
    ],
    *[(26, sort[:20], get(f"/v1/jobs?sort={sort}"), 400) for sort in ("created:1;drop", "password:1", "x" * 10_000)],
    (27, "10 kB", get("/v1/jobs?q=" + "x" * 10_000), 400),
    (27, "a percent sign 500 times", get("/v1/jobs?q=" + "%25" * 500), 200),
    *[(28, page, get(f"/v1/jobs?limit={page}"), 400) for page in ("0", "-1", "1001", "1000000000", "abc", "1.0", "")],
    *[(29, cursor, get(f"/v1/jobs?cursor={cursor}"), 400) for cursor in ("x", "AAAA", "%00", "x" * 600)],
    (30, "one parameter twice", get("/v1/jobs?limit=1&limit=2"), 400),
    *[(30, name, get(f"/v1/jobs?{name}=x"), 400) for name in ("filter[name]", "filter[a][b]", "color")],
    *[
        (31, wrong[:10], get(f"/v1/{kind}/{wrong}"), 404)
        for kind in ("jobs", "tasks", "runs", "assets", "templates")
        for wrong in ("'", "%00", "..%2f", "x" * 5000, MISSING)
    ],
    (32, "another's orgId in a query", get(f"/v1/jobs?orgId={MISSING}"), 400),
    (32, "another's orgId in a body", job(orgId=MISSING), 422),
    *[
        (33, key, job(**{key: "x"}), 422)
        for key in ("createdBy", "id", "status", "createdAt", "__proto__", "constructor", "resultCode")
    ],
    *[(33, f"a task's {key}", task(**{key: "x"}), 422) for key in ("id", "state", "result", "machine", "__proto__")],
    (34, "a year of five digits", report(startedAtUs=10**19), 422),
    (34, "progress in words", report(progress="NaN"), 422),
    *[
        (36, header[:30], as_(header), 401)
        for header in ("Bearer", "Bearer " + "x" * MIB, "Basic dXNlcjpwdw==", "Bearer eyJhbGciOiJub25lIn0.e30.")
    ],
    (36, "two tokens", as_("Bearer a, Bearer b"), 400),
    (37, "a key of 10 kB", keyed("x" * 10_000), 400),
    (39, "a forwarded host", get("/v1/jobs", **{"X-Forwarded-Host": "evil", "X-Forwarded-For": "1.2.3.4"}), 200),
    *[(43, repr(source)[:20], renders(source), 422) for source in ({"a": 1}, 7, "not a list, not a URI")],
    (43, "a reference to what it does not need", renders("${{ needs.x.outputs.params.y }}"), 422),
]


@pytest.mark.parametrize(
    ("ask", "status"), [pytest.param(ask, code, id=f"{row}: {name}") for row, name, ask, code in ROWS]
)
def test_a_bad_input_is_answered_as_it_should_be(shared: Api, ask: Ask, status: int) -> None:
    answer = ask(shared)
    assert answer.status_code == status, answer.text[:500]
    if status >= 400:
        assert answer.mimetype == "application/problem+json"
        assert answer.json["status"] == status
        assert len(answer.data) < 20_000, "what was sent does not come back"
    assert shared.stored() == ([], [])


def test_38_methods_are_by_the_standard(shared: Api) -> None:
    assert shared.send("TRACE", "/v1/jobs").status_code == 405
    override = {"X-HTTP-Method-Override": "DELETE", "X-Method-Override": "DELETE"}
    assert shared.get("/v1/jobs", headers=override).status_code == 200
    for rule in ("/v1/jobs", "/v1/queues", "/healthz"):
        head, options = shared.send("HEAD", rule), shared.send("OPTIONS", rule, as_=None)
        assert (head.status_code, head.data, options.status_code) == (200, b"", 200)
        assert "GET" in options.headers["Allow"]
    wrong = shared.send("PUT", "/v1/jobs")
    assert (wrong.status_code, "GET" in wrong.headers["Allow"]) == (405, True)


@pytest.mark.parametrize(("tag", "status"), [("*", 200), ('"0-x"', 412), ("garbage", 412), ('W/"1"', 412), ("", 412)])
def test_38_if_match(api: Api, tag: str, status: int) -> None:
    made = api.submit(noop("a"))
    answer = api.send("PATCH", f"/v1/jobs/{made['id']}", {"name": "x"}, headers={"If-Match": tag})
    assert answer.status_code == status


def test_38_a_change_names_the_version_it_read(api: Api) -> None:
    made = api.submit(noop("a"))
    path = f"/v1/jobs/{made['id']}"
    assert api.send("PATCH", path, {"name": "x"}).status_code == 428
    tag = api.get(path).headers["ETag"]
    assert api.send("PATCH", path, {"name": "x"}, headers={"If-Match": tag}).status_code == 200
    assert api.send("PATCH", path, {"name": "y"}, headers={"If-Match": tag}).status_code == 412


def test_a_poller_is_told_that_nothing_is_new(api: Api) -> None:
    api.join()
    made = api.submit(noop("a"))
    (spec,) = api.claim()
    for path in (f"jobs/{made['id']}", f"tasks/{spec['taskId']}", f"runs/{spec['runId']}", f"nodes/{NODE_ID}"):
        first = api.get(f"/v1/{path}")
        again = api.get(f"/v1/{path}", headers={"If-None-Match": first.headers["ETag"]})
        assert (first.status_code, again.status_code, again.data) == (200, 304, b""), path
        assert again.headers["ETag"] == first.headers["ETag"]
    done = {"runId": spec["runId"], "fence": 1, "sequence": 1, "ending": {"state": "succeeded", "atUs": 1}}
    tag = api.get(f"/v1/runs/{spec['runId']}").headers["ETag"]
    assert api.report(done).status_code == 200
    assert api.get(f"/v1/runs/{spec['runId']}", headers={"If-None-Match": tag}).status_code == 200


def test_36_a_run_s_token_administers_nothing_and_a_revoked_user_nothing_more(api: Api) -> None:
    api.join()
    api.submit(noop("a"))
    (spec,) = api.claim()
    run = {"Authorization": f"Bearer {spec['token']}"}
    assert api.get("/v1/tokens", as_=None, headers=run).status_code == 403
    assert api.post(f"/v1/nodes/{NODE_ID}/drain", as_=None, headers=run).status_code == 403
    user = api.post("/v1/users", {"name": "ann"}).json
    text = api.post("/v1/tokens", {"name": "t", "userId": user["id"]}).json["token"]
    api.send("DELETE", f"/v1/users/{user['id']}")
    assert api.get("/v1/jobs", as_=None, headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_34_and_45_nodes_speak_of_their_own_runs_alone(api: Api) -> None:
    api.join()
    api.submit(noop("a"))
    (spec,) = api.claim()
    second = {
        "nodeId": "second", "name": "n2", "pid": 1, "total": ROOM, "queues": ["*"], "tags": [],
        "executors": ["command"], "version": "1",
    }  # fmt: skip
    assert api.post("/v1/nodes", second, as_="node").status_code == 201
    ending = {"runId": spec["runId"], "fence": 1, "sequence": 1, "ending": {"state": "failed", "atUs": 1}}
    stolen = api.post("/v1/nodes/second/reports", {"free": ROOM, "reports": [ending]}, as_="node")
    assert (stolen.status_code, stolen.json["stale"]) == (409, [spec["runId"]])
    assert api.report({**ending, "fence": 2}).status_code == 409, "another fence"

    api.submit(noop("b"))
    offer = api.broker.take()
    assert offer is not None
    asked = {"claimId": "c", "runIds": list(offer.run_ids), "free": ROOM}
    refused = api.post("/v1/nodes/second/claims", asked, as_="node")
    assert (refused.status_code, "routes" in refused.json["detail"]) == (403, True)
    assert len(api.post(f"/v1/nodes/{NODE_ID}/claims", asked, as_="node").json["runs"]) == 1

    assert api.report({**ending, "sequence": 2}).status_code == 200
    late = api.report({"runId": spec["runId"], "fence": 1, "sequence": 3, "progress": 0.9})
    assert late.status_code == 409, "after its end"


def test_34_times_and_progress_are_kept_within_what_can_be(api: Api) -> None:
    api.join()
    api.submit(noop("a"))
    (spec,) = api.claim()
    for sequence, progress in ((1, 0.5), (2, 0.25), (3, 2), (4, -0.1)):
        said = {"runId": spec["runId"], "fence": 1, "sequence": sequence, "progress": progress}
        assert api.report(said).status_code in (200, 422)
        assert api.get(f"/v1/runs/{spec['runId']}").json["progress"] >= 0.5
    far = 253_402_300_800_000_000  # the year 10000
    ending = {"state": "succeeded", "atUs": far}
    report = {"runId": spec["runId"], "fence": 1, "sequence": 9, "startedAtUs": far, "ending": ending}
    assert api.report(report).status_code == 200
    run = api.get(f"/v1/runs/{spec['runId']}").json
    assert run["createdAt"] <= run["startedAt"] <= run["finishedAt"] < "3000"


def test_29_a_cursor_is_its_own_list_s_and_organization_s(api: Api) -> None:
    for _ in range(2):
        api.submit(noop("a"))
    cursor = api.get("/v1/jobs?limit=1").json["nextCursor"]
    assert api.get(f"/v1/jobs?limit=1&cursor={cursor}").status_code == 200
    assert api.get(f"/v1/jobs?limit=1&cursor={cursor}", as_="foreign").status_code == 400
    assert api.get(f"/v1/jobs?limit=1&state=pending&cursor={cursor}").status_code == 400
    assert api.get(f"/v1/queues/@default/jobs?limit=1&cursor={cursor}").status_code == 400
    assert api.get(f"/v1/jobs?limit=1&cursor={cursor[:-1]}").status_code == 400


def test_16_a_task_of_another_s_job_is_an_unknown_need(api: Api) -> None:
    theirs = api.post(SUBMIT, {"name": "j", "tasks": [noop("secret")]}, as_="foreign").json
    texts = set()
    for need in ("secret", theirs["id"], "nothing"):
        answer = api.post(SUBMIT, {"name": "j", "tasks": [noop("a", needs=[need])]})
        texts.add(answer.json["errors"][0]["detail"].replace(need, "X"))
        assert answer.status_code == 422
    assert len(texts) == 1


def test_27_a_search_is_quick_whatever_is_searched_for(api: Api) -> None:
    for _ in range(20):
        api.submit(noop("a"))
    began = time.process_time()
    for text in ("%25" * 500, "_" * 512, "%5C" * 512, "a" * 512, "'%20OR%201=1--"):
        assert api.get(f"/v1/jobs?q={text}").json == {"items": []}
    assert time.process_time() - began < 2


BOUNDARIES: list[tuple[str, int, Callable[[int], Any]]] = [
    ("task's name", limits.MAX_TASK_NAME, lambda n: [noop("x" * n)]),
    ("executor's name", limits.MAX_EXECUTOR_NAME, lambda n: [{"name": "a", "executor": "x" * n}]),
    ("cpu", limits.MAX_CPU, lambda n: [noop("a", requirements={"cpu": n})]),
    ("memory", limits.MAX_MEMORY_MB, lambda n: [noop("a", requirements={"memory": n})]),
    ("time", limits.MAX_TIME_S, lambda n: [noop("a", limitations={"maxExecutionTimeInSeconds": n})]),
    ("attempts", limits.MAX_ATTEMPTS, lambda n: [noop("a", limitations={"maxAttempts": n})]),
    ("retry delay", limits.MAX_RETRY_DELAY_S, lambda n: [noop("a", limitations={"retryDelayInSeconds": n})]),
    ("path", limits.MAX_PATH, lambda n: [noop("a", outputs=[{"source": {"path": "x" * n}, "name": "o"}])]),
    (
        "outputs",
        limits.MAX_FILES,
        lambda n: [noop("a", outputs=[{"source": {"path": f"p{i}"}, "name": f"o{i}"} for i in range(n)])],
    ),
    (
        "environment's variables",
        limits.MAX_ENV_VARIABLES,
        lambda n: [
            {"name": "a", "executor": "command", "payload": {"argv": ["x"], "env": {f"V{i}": "" for i in range(n)}}}
        ],
    ),
    ("payload", limits.MAX_PAYLOAD_BYTES, lambda n: [{"name": "a", "executor": "mine", "payload": "x" * (n - 2)}]),
    (
        "needs",
        limits.MAX_NEEDS,
        lambda n: [*(noop(f"n{i}") for i in range(n)), noop("a", needs=[f"n{i}" for i in range(n)])],
    ),
    ("tasks", limits.MAX_TASKS, lambda n: [noop(f"n{i}") for i in range(n)]),
]


@pytest.mark.parametrize(("most", "tasks"), [pytest.param(most, make, id=name) for name, most, make in BOUNDARIES])
def test_a_limit_is_where_it_is_said_to_be(shared: Api, most: int, tasks: Callable[[int], Any]) -> None:
    def plan(size: int) -> int:
        return shared.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": tasks(size)}).status_code

    assert (plan(most), plan(most + 1)) == (200, 422)


@pytest.mark.parametrize(
    ("path", "most"), [("/v1/projects", limits.MAX_BODY_BYTES), (f"{SUBMIT}?dryRun=true", limits.MAX_SUBMIT_BYTES)]
)
def test_a_body_may_be_as_large_as_it_is_said(shared: Api, path: str, most: int) -> None:
    text = b'{"name": "p"' + (b', "tasks": []}' if "dryRun" in path else b', "more": 1}')
    answers = [shared.post(path, raw=text.ljust(size)).status_code for size in (most, most + 1)]
    assert answers == [200 if "dryRun" in path else 422, 413]


def test_labels_and_search_have_their_limits(shared: Api) -> None:
    def plan(**more: Any) -> int:
        return shared.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": [], **more}).status_code

    assert (plan(labels={str(n): "" for n in range(64)}), plan(labels={str(n): "" for n in range(65)})) == (200, 422)
    assert (plan(name="x" * 200), plan(name="x" * 201)) == (200, 422)
    assert [shared.get(f"/v1/jobs?q={'x' * n}").status_code for n in (512, 513)] == [200, 400]
    assert [shared.get(f"/v1/jobs?limit={n}").status_code for n in (1, 1000, 1001)] == [200, 200, 400]
