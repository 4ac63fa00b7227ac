"""Bad content of a job: 422 with a pointer to the place, all places at once, and nothing is stored."""

import time
from typing import Any

import pytest

from app.domain import limits
from tests.rest.conftest import SUBMIT, Api, noop

BAD_PATHS = ["../x", "/etc/passwd", "a/../../b", "//x", ".", "", "a\0b", "a\x07b", "x" * 4001, "./."]
GOOD_PATHS = ["a/./b", "a\\..\\b", "C:\\x", "CON", "name ", "x" * 4000, "..a", "a//b", "caf\u00e9"]

COMMAND = {"executor": "command", "payload": {"argv": ["true"]}}


def task(**more: Any) -> dict[str, Any]:
    return {**noop("a"), **more}


def wanted(cpu: Any = 1, memory: Any = 256) -> dict[str, Any]:
    return task(requirements={"cpu": cpu, "memory": memory})


def limited(**limitations: Any) -> dict[str, Any]:
    return task(limitations=limitations)


def command(**payload: Any) -> dict[str, Any]:
    return {"name": "a", "executor": "command", "payload": {"argv": ["true"], **payload}}


def reads(*paths: str) -> dict[str, Any]:
    return task(inputs=[{"source": {"uri": "https://example.org/x"}, "target": {"path": path}} for path in paths])


def fetches(uri: Any) -> dict[str, Any]:
    return task(inputs=[{"source": {"uri": uri}, "target": {"path": "x"}}])


def writes(*names: str) -> dict[str, Any]:
    return task(outputs=[{"source": {"path": "x"}, "name": name} for name in names])


REFUSED_TASKS: list[tuple[dict[str, Any], str]] = [
    (task(name=""), "/name"),
    (task(name="x" * 1001), "/name"),
    (task(name=7), "/name"),
    (task(name="a\x07"), "/name"),
    (task(name=None), "/name"),
    ({"executor": "command", "payload": {"argv": ["true"]}}, "/name"),
    ({"name": "a"}, "/executor"),
    (task(executor=""), "/executor"),
    (task(executor="x" * 201), "/executor"),
    (task(executor=7), "/executor"),
    (task(executor={}), "/executor/name"),
    (task(executor={"name": []}), "/executor/name"),
    (task(executor={"name": "python", "extra": 1}), "/executor/extra"),
    *[(wanted(cpu=cpu), "/requirements/cpu") for cpu in (0, -1, 17, 1.5, 1.0, "4", True, 10**30, None)],
    *[(wanted(memory=memory), "/requirements/memory") for memory in (122_881, 0, -1, "256", 256.0, False)],
    (task(requirements=[]), "/requirements"),
    (task(requirements={"gpu": 1}), "/requirements/gpu"),
    *[
        (limited(maxExecutionTimeInSeconds=time_s), "/limitations/maxExecutionTimeInSeconds")
        for time_s in (0, 172_801, None, "60", True)
    ],
    (limited(maxAttempts=101), "/limitations/maxAttempts"),
    (limited(maxAttempts=0), "/limitations/maxAttempts"),
    (limited(retryDelayInSeconds=-1), "/limitations/retryDelayInSeconds"),
    (limited(memoryGrowth="2"), "/limitations/memoryGrowth"),
    (limited(maxTries=3), "/limitations/maxTries"),
    (task(needs="b"), "/needs"),
    (task(needs=[1]), "/needs/0"),
    (task(needs=["b"]), "/needs/0"),
    (task(needs=["a"]), "/needs"),
    (task(runWhen="sometimes"), "/runWhen"),
    (task(priority=101), "/priority"),
    (task(priority=-1), "/priority"),
    (task(priority="50"), "/priority"),
    (task(tag="x" * 201), "/tag"),
    (task(hints=[]), "/hints"),
    (task(type="map"), "/values"),
    (task(type="map"), "/task"),
    (task(type="group"), "/type"),
    *[(task(**{key: "x"}), f"/{key}") for key in ("id", "createdBy", "status", "state", "result", "__proto__")],
    *[(reads(path), "/inputs/0/target/path") for path in BAD_PATHS],
    (reads("a", "b", "a"), "/inputs/2/target/path"),
    (reads("a/b", "./a//b"), "/inputs/1/target/path"),
    (reads("a", "a/b"), "/inputs/1/target/path"),
    (reads("a/b/c", "a"), "/inputs/0/target/path"),
    *[
        (fetches(uri), "/inputs/0/source/uri")
        for uri in (
            "file:///etc/passwd",
            "gopher://h/",
            "ftp://h/x",
            "x",
            "",
            7,
            "http://user:pw@h/",
            "https://h/\n",
            "s3://bucket/../other",
            "http://[::1",
        )
    ],
    (task(inputs=[{"source": {}, "target": {"path": "x"}}]), "/inputs/0/source"),
    (task(inputs=[{"source": {"uri": "https://h/", "key": "k"}, "target": {"path": "x"}}]), "/inputs/0/source"),
    (task(inputs=[{"source": {"uri": "https://h/"}}]), "/inputs/0"),
    (task(inputs=[{"source": {"uri": "https://h/"}, "target": {"path": "x", "mode": 7}}]), "/inputs/0/target"),
    (task(inputs={}), "/inputs"),
    (reads(*[f"f{index}" for index in range(1001)]), "/inputs"),
    *[(task(outputs=[{"source": {"path": path}, "name": "o"}]), "/outputs/0/source/path") for path in BAD_PATHS],
    (writes("o", "p", "o"), "/outputs/2/name"),
    (writes(""), "/outputs/0/name"),
    (task(payload=None), "/payload"),
    (task(payload={"callable": "noop", "kwargs": {}}), "/payload/kwargs"),
    (task(payload={"callable": 7}), "/payload/callable"),
    (task(payload={"callable": "noop", "arguments": []}), "/payload/arguments"),
    (task(payload={"callable": "noop", "arguments": {"x": "x" * (1 << 20)}}), "/payload"),
    (command(argv=[]), "/payload/argv"),
    (command(argv="true"), "/payload/argv"),
    (command(argv=["a", 7]), "/payload/argv/1"),
    (command(argv=["a\0b"]), "/payload/argv/0"),
    (command(shell=True), "/payload/shell"),
    (command(stdin=7), "/payload/stdin"),
    (command(successCodes=[0, 256]), "/payload/successCodes/1"),
    (command(successCodes=[True]), "/payload/successCodes/0"),
    (command(env=[]), "/payload/env"),
    (command(env={"LD_PRELOAD": "x.so"}), "/payload/env/LD_PRELOAD"),
    (command(env={"": "x"}), "/payload/env/"),
    (command(env={"A=B": "x"}), "/payload/env/A=B"),
    (command(env={"A": "x\0"}), "/payload/env/A"),
    (command(env={"A": 1}), "/payload/env/A"),
    (command(env={"A": "x" * 70_000}), "/payload/env"),
    (command(env={f"V{index}": "x" for index in range(257)}), "/payload/env"),
    (command(argv=["${{ needs.b.outputs.params.x }}"]), "/payload/argv/0"),
]


@pytest.mark.parametrize(("bad", "place"), REFUSED_TASKS)
@pytest.mark.parametrize("position", [0, 2])
def test_a_bad_task_is_refused_where_it_is_bad(shared: Api, bad: dict[str, Any], place: str, position: int) -> None:
    others = [noop("x"), noop("y")]
    answer = shared.post(SUBMIT, {"name": "j", "tasks": [*others[:position], bad]})
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json"), answer.text
    assert f"/tasks/{position}{place}" in [each["pointer"] for each in answer.json["errors"]]
    assert shared.stored() == ([], [])


REFUSED_JOBS: list[tuple[Any, str]] = [
    ([], ""),
    ("text", ""),
    (None, ""),
    ({"tasks": []}, "/name"),
    ({"name": "j"}, "/tasks"),
    ({"name": "", "tasks": []}, "/name"),
    ({"name": "x" * 201, "tasks": []}, "/name"),
    ({"name": "j", "tasks": {}}, "/tasks"),
    ({"name": "j", "tasks": None}, "/tasks"),
    ({"name": "j", "tasks": [7]}, "/tasks/0"),
    ({"name": "j", "tasks": [], "priority": True}, "/priority"),
    ({"name": "j", "tasks": [], "projectId": "mine"}, "/projectId"),
    ({"name": "j", "tasks": [], "projectId": "01a1fa7f-297b-774b-8000-033985f36d12"}, "/projectId"),
    ({"name": "j", "tasks": [], "parameters": []}, "/parameters"),
    ({"name": "j", "tasks": [], "maxFailedTasks": -1}, "/maxFailedTasks"),
    ({"name": "j", "tasks": [], "continueOnFailure": 1}, "/continueOnFailure"),
    ({"name": "j", "tasks": [], "webhooks": [{"url": "file:///x"}]}, "/webhooks/0/url"),
    ({"name": "j", "tasks": [], "webhooks": [{"url": "https://h/"}] * 17}, "/webhooks"),
    ({"name": "j", "tasks": [], "labels": {"a": 1}}, "/labels/a"),
    ({"name": "j", "tasks": [], "labels": {str(n): "" for n in range(65)}}, "/labels"),
    *[({"name": "j", "tasks": [], key: "x"}, f"/{key}") for key in ("id", "orgId", "createdBy", "createdAt", "status")],
]


@pytest.mark.parametrize(("bad", "place"), REFUSED_JOBS)
def test_a_bad_job_is_refused_where_it_is_bad(shared: Api, bad: Any, place: str) -> None:
    answer = shared.post(SUBMIT, raw=b"null") if bad is None else shared.post(SUBMIT, bad)
    assert answer.status_code == 422, answer.text
    assert place in [each["pointer"] for each in answer.json["errors"]]
    assert shared.stored() == ([], [])


def test_all_wrong_places_are_named_at_once(shared: Api) -> None:
    answer = shared.post(SUBMIT, {"name": "", "tasks": [task(name=""), wanted(cpu=0), task(tag=7)], "labels": []})
    places = {each["pointer"] for each in answer.json["errors"]}
    assert places == {"/name", "/labels", "/tasks/0/name", "/tasks/1/requirements/cpu", "/tasks/2/tag"}


def test_ten_thousand_wrong_tasks_name_a_hundred_places(shared: Api) -> None:
    answer = shared.post(SUBMIT, {"name": "j", "tasks": [task(name="")] * 10_000})
    assert (answer.status_code, len(answer.json["errors"])) == (422, limits.MAX_PROBLEMS)


@pytest.mark.parametrize("path", GOOD_PATHS)
def test_a_good_path_is_taken(shared: Api, path: str) -> None:
    answer = shared.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": [reads(path)]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "good",
    [
        task(name="\U0001f600" * 1000),
        task(executor={"name": "python", "version": "1.2"}),
        wanted(16, 122_880),
        limited(maxExecutionTimeInSeconds=172_800, maxAttempts=100, retryDelayInSeconds=86_400, memoryGrowth=1.5),
        task(priority=0),
        task(runWhen="any_failed"),
        reads("caf\u00e9", "cafe\u0301"),
        fetches("data:text/plain,x"),
        task(inputs=[{"source": {"spaceId": "s", "key": "k"}, "target": {"path": "x"}}]),
        command(argv=["sh", '"; rm -rf /"', "$(id)", "`id`", "a\nb", "-oProxyCommand=x"]),
        command(env={"PATH": "/bin", "PYTHONPATH": "x"}, stdin="x", successCodes=[0, 3]),
        {"name": "a", "executor": "mine", "payload": [1, "two"]},
        {"name": "a", "executor": "mine"},
    ],
)
def test_what_is_allowed_is_taken(shared: Api, good: dict[str, Any]) -> None:
    answer = shared.post(f"{SUBMIT}?dryRun=true", {"name": "j", "tasks": [good]})
    assert answer.status_code == 200, answer.text
    assert shared.stored() == ([], [])


@pytest.mark.parametrize("queue", ["x" * 201, "%07", "%00"])
def test_a_bad_queue_is_refused(shared: Api, queue: str) -> None:
    answer = shared.post(f"/v1/queues/{queue}/jobs", {"name": "j", "tasks": []})
    assert answer.status_code == 422
    assert "queue" in answer.json["detail"]


def test_duplicate_names_and_unknown_needs_are_told_apart(shared: Api) -> None:
    tasks = [noop("a"), noop("a"), noop("c", needs=["a", "nobody", "a"])]
    answer = shared.post(SUBMIT, {"name": "j", "tasks": tasks})
    found = {each["pointer"]: each["detail"] for each in answer.json["errors"]}
    assert "already used by task 0" in found["/tasks/1/name"]
    assert "no task named 'nobody'" in found["/tasks/2/needs/1"]
    assert "needed twice" in found["/tasks/2/needs/2"]


def test_a_long_cycle_is_named_quickly(shared: Api) -> None:
    size = 50_000
    tasks = [noop(f"t{index}", needs=[f"t{(index + 1) % size}"]) for index in range(size)]
    began = time.process_time()
    answer = shared.post(SUBMIT, {"name": "j", "tasks": tasks})
    assert time.process_time() - began < 10, "cpu time: it grows faster than the input"
    assert answer.status_code == 422
    assert "(50000 tasks in all)" in answer.json["detail"]


def test_too_many_tasks_or_edges_are_refused(shared: Api) -> None:
    one = noop("a")
    answer = shared.post(SUBMIT, {"name": "j", "tasks": [one] * 100_001})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/tasks")
    heads = [noop(f"h{index}") for index in range(1000)]
    names = [head["name"] for head in heads]
    bodies = [noop(f"b{index}", needs=names) for index in range(501)]
    answer = shared.post(SUBMIT, {"name": "j", "tasks": heads + bodies})
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/tasks")
    assert shared.stored() == ([], [])
