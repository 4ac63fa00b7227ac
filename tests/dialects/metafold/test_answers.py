"""What a caller sees beyond the document: dates by caller, links, deletion, pages, and everything that is refused."""

import json
from typing import Any

import pytest

from app.services import sweep
from app.services.sweep import Sweeper
from tests.dialects.metafold.running import DEFINITION, Running
from tests.rest.conftest import Api, noop

CLIENT = "Python/3.11.7"
RFC1123 = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"


@pytest.fixture
def running(api: Api) -> Running:
    return Running(api)


def sweep_up(api: Api) -> None:
    sweeper = Sweeper(holder="engine")
    for _ in range(4):
        sweep.step(api.core, sweeper)


@pytest.mark.parametrize(
    ("headers", "is_client"),
    [
        ({"User-Agent": CLIENT}, True),
        ({"User-Agent": "Python/3.12.0rc1"}, True),
        ({"User-Agent": "python-requests/2.31.0"}, False),
        ({"User-Agent": "Python-urllib/3.11"}, False),
        ({"User-Agent": "Python/3.11 aiohttp/3.9.1"}, False),
        ({"User-Agent": "Python/"}, False),
        ({"User-Agent": "axios/1.7.2"}, False),
        ({}, False),
        ({"Accept": "application/json; dates=rfc1123"}, True),
        ({"Accept": "application/json;dates=rfc1123"}, True),
        ({"Accept": "application/json"}, False),
    ],
)
def test_dates_are_written_as_their_caller_reads_them(shared: Api, headers: dict[str, str], is_client: bool) -> None:
    answer = shared.get("/projects", headers=headers)
    created = answer.json[-1]["created"]
    assert created.endswith(" GMT") is is_client
    assert created.endswith("+00:00") is not is_client
    assert answer.headers["Vary"] == "User-Agent, Accept"


def test_a_new_installation_has_its_default_project(api: Api) -> None:
    (project,) = api.get("/projects").json
    assert (project["name"], project["access"], project["type"]) == ("default", "org", "unspecified")
    job = api.submit(noop("native"))
    assert [one["name"] for one in api.get(f"/projects/{project['id']}/jobs").json] == ["native"]
    (workflow,) = api.get(f"/projects/{project['id']}/workflows").json
    assert (workflow["definition"], workflow["state"]) == ("", "pending")
    assert api.get("/v1/projects").json["items"][0]["id"] == job["projectId"]


def test_a_link_answers_202_until_the_end_and_then_201_with_all_of_it(running: Running) -> None:
    api, link = running.api, running.link
    assert link.startswith("/projects/")
    assert (api.get(link).status_code, api.get(link).json) == (202, {"state": "pending"})
    running.finish("sample", result={"face_count": 3}, files={"volume": b"v"})
    assert (api.get(link).status_code, api.get(link).json) == (202, {"state": "started"})
    running.finish("broken", failed=True)
    ended = api.get(link)
    assert (ended.status_code, ended.json["state"]) == (201, "failure")
    assert ended.json == running.get(f"/workflows/{running.workflow}").json
    assert ended.json["definition"] == DEFINITION
    assert "link" not in ended.json


def test_a_job_by_itself(running: Running) -> None:
    made = running.post("/jobs", {"type": "mesh/from-volume", "parameters": {"box": {"a": 1}, "n": 2, "t": "[3]"}})
    assert (made.status_code, made.json.keys()) == (202, {"link"})
    link = made.json["link"]
    path = link.removesuffix("/status")
    assert running.api.get(link).json == {"state": "pending"}
    job = running.api.get(path).json
    assert (job["name"], job["workflow_id"]) == ("mesh/from-volume", None)
    assert job["parameters"] == {"box": {"a": 1}, "n": 2, "t": "[3]"}
    assert job["inputs"]["params"] == {"box": '{"a": 1}', "n": "2", "t": "[3]"}
    assert [one["id"] for one in running.get("/workflows").json] == [running.workflow]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    renamed = running.api.send("PATCH", path, raw=b"name=two+words", headers=form)
    assert (renamed.status_code, renamed.json["name"]) == (200, "two words")
    assert running.api.send("PATCH", path, {"name": "again"}).json["name"] == "again"
    assert running.get("/jobs?q=name:again").json[0]["id"] == job["id"]
    assert running.api.send("PATCH", path, raw=b"other=1", headers=form).status_code == 400
    in_workflow = running.api.send("PATCH", f"/projects/{running.project}/jobs/{running.jobs['sample']}", {"name": "x"})
    assert in_workflow.status_code == 409
    assert running.api.send("DELETE", path).status_code == 204
    assert running.api.get(path).status_code == running.api.get(link).status_code == 404


def test_a_job_of_a_workflow_is_deleted_for_who_looks_here(running: Running) -> None:
    path = f"/jobs/{running.jobs['after']}"
    assert running.api.send("DELETE", f"/projects/{running.project}{path}").status_code == 204
    assert running.get(path).status_code == 404
    workflow = running.get(f"/workflows/{running.workflow}").json
    assert workflow["jobs"] == [running.jobs["sample"], running.jobs["broken"]]
    assert [job["name"] for job in running.get("/jobs").json] == ["broken", "sample"]


def test_cancel_and_delete_of_a_workflow_that_runs(running: Running) -> None:
    path = f"/workflows/{running.workflow}"
    canceled = running.post(f"{path}/cancel")
    assert (canceled.status_code, canceled.json["state"]) == (200, "canceled")
    assert {job["state"] for job in running.get("/jobs").json} == {"canceled"}
    assert {job["error"] for job in running.get("/jobs").json} == {None}
    again = running.post("/workflows", {"definition": DEFINITION}).json["id"]
    assert running.api.send("DELETE", f"/projects/{running.project}/workflows/{again}").status_code == 204
    assert running.get(f"/workflows/{again}").status_code == 404
    assert running.get(f"/workflows/{again}/status").status_code == 404
    assert [one["id"] for one in running.get("/workflows").json] == [running.workflow]
    assert len(running.get("/jobs").json) == 3


def test_cancel_of_what_has_ended_is_no_success(running: Running) -> None:
    running.finish("sample", failed=True)
    answer = running.post(f"/workflows/{running.workflow}/cancel")
    assert (answer.status_code, answer.json["name"]) == (409, "Conflict")


def test_a_deleted_project_takes_all_with_it(running: Running) -> None:
    path = f"/projects/{running.project}"
    assert running.api.send("DELETE", path).status_code == 204
    for below in ("", "/jobs", "/workflows", "/assets", f"/jobs/{running.jobs['sample']}"):
        assert running.get(below).status_code == 404
    assert running.api.send("DELETE", path).status_code == 404
    assert running.project not in [one["id"] for one in running.api.get("/projects").json]
    sweep_up(running.api)
    assert running.api.stored()[0] == []
    assert running.api.get("/v1/assets").json["items"] == []
    assert running.api.core.store.read(lambda tx: tx.project_at(int(running.project))) is None


def test_assets_are_changed_found_linked_and_deleted(running: Running) -> None:
    other = running.upload("Other.bin", b"12345")
    path = f"/assets/{other['id']}"
    assert running.get(path).json == other
    assert [one["filename"] for one in running.get('/assets?q=filename:"other*"').json] == ["Other.bin"]
    assert [one["size"] for one in running.get("/assets?sort=size:1").json] == [5, 5]
    changed = running.upload("other.txt", b"123", "PATCH", f"/{other['id']}")
    assert (changed["id"], changed["filename"], changed["size"]) == (other["id"], "other.txt", 3)
    link = running.get(f"{path}?download=true").json["link"]
    fetched = running.api.get(link, as_=None)
    assert (fetched.status_code, fetched.data) == (200, b"123")
    assert "other.txt" in fetched.headers["Content-Disposition"]
    renamed = running.get(f"{path}?download=true&filename=..%2Fx%0Ay.bin").status_code
    assert renamed == 400
    link = running.get(f"{path}?download=true&filename=mine.bin").json["link"]
    assert "mine.bin" in running.api.get(link, as_=None).headers["Content-Disposition"]
    assert running.api.send("DELETE", f"/projects/{running.project}{path}").status_code == 204
    assert running.get(path).status_code == 404
    in_use = f"/assets/{running.asset['id']}"
    assert running.api.send("DELETE", f"/projects/{running.project}{in_use}").status_code == 409


def test_pages_are_ours_and_the_whole_is_streamed(api: Api) -> None:
    api.submit(*(noop(f"t{n:04}") for n in range(700)))
    (project,) = api.get("/projects").json
    path = f"/projects/{project['id']}/jobs"
    whole = api.get(f"{path}?sort=name:1")
    assert whole.headers.get("Content-Length") is None
    names = [job["name"] for job in whole.json]
    assert names == [f"t{n:04}" for n in range(700)]
    page = api.get(f"{path}?sort=name:1&limit=400")
    following = api.get(page.headers["Link"].partition(">")[0][1:])
    assert [job["name"] for job in page.json + following.json] == names
    assert "Link" not in following.headers
    assert api.get(f"{path}?limit=1&cursor=AAAA").status_code == 400
    assert api.get(f"{path}?limit=0").status_code == 400


def test_the_client_of_the_other_language_reads_its_user(running: Running) -> None:
    assert running.api.get("/user/license").json["expired"] is False
    usage = running.api.get("/user/usage").json
    assert usage == {"project": 1, "import": 1, "export": 0, "simulation": 1}
    assert running.api.get("/user/quota").json.keys() == usage.keys()


@pytest.mark.parametrize("id_", ["'", "%00", "0", "01", "-1", "1e3", "x" * 5000, "9" * 20, "\u0661", "..%5c"])
@pytest.mark.parametrize("noun", ["", "/jobs", "/workflows", "/assets"])
def test_no_id_but_a_known_one_is_found(shared: Api, noun: str, id_: str) -> None:
    shared.submit(noop("only"))
    project = shared.get("/projects").json[0]["id"]
    below = f"/projects/{project}" if noun else "/projects"
    absent = shared.get(f"{below}{noun}/123456789")
    answer = shared.get(f"{below}{noun}/{id_}")
    assert (answer.status_code, answer.data) == (404, absent.data)


def test_what_is_another_organizations_or_another_projects_is_not_there(running: Running) -> None:
    mine = [
        "", "/jobs", "/workflows", "/assets", f"/jobs/{running.jobs['sample']}",
        f"/jobs/{running.jobs['sample']}/status",
        f"/workflows/{running.workflow}", f"/workflows/{running.workflow}/status",
        f"/assets/{running.asset['id']}",
    ]  # fmt: skip
    for path in mine:
        assert running.get(path).status_code in (200, 202)
        assert running.get(path, as_="foreign").status_code == 404
    other = running.api.post("/projects", {"name": "other"}).json["id"]
    for path in mine[4:]:
        assert running.api.get(f"/projects/{other}{path}").status_code == 404
    wired = {"definition": "jobs: {a: {type: x}}", "assets": {"a.m": "part.stl"}}
    assert running.api.post(f"/projects/{other}/workflows", wired).status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/projects", {}),
        ("/projects", {"name": ""}),
        ("/projects", {"name": "x", "access": "all"}),
        ("/projects", {"name": "x", "type": "other"}),
        ("/projects", {"name": "x", "project": [1]}),
        ("/projects", {"name": "x", "user": "me"}),
        ("/projects", {"name": "x", "__proto__": {}}),
        ("{}/workflows", {}),
        ("{}/workflows", {"definition": 1}),
        ("{}/workflows", {"definition": "jobs: {a: {type: x}}", "parameters": {"a.b": 1}}),
        ("{}/workflows", {"definition": "jobs: {a: {type: x}}", "assets": ["x"]}),
        ("{}/workflows", {"definition": "jobs: {a: {type: x}}", "state": "success"}),
        ("{}/jobs", {"parameters": {}}),
        ("{}/jobs", {"type": "", "parameters": {}}),
        ("{}/jobs", {"type": "x" * 201}),
        ("{}/jobs", {"type": "x", "parameters": []}),
        ("{}/jobs", {"type": "command", "parameters": {"argv": "no list"}}),
        ("{}/jobs", []),
    ],
)
def test_wrong_content_is_400_in_the_documented_form(shared: Api, path: str, body: Any) -> None:
    project = shared.get("/projects").json[0]["id"]
    answer = shared.post(path.format(f"/projects/{project}"), body)
    assert answer.status_code == 400, answer.text
    assert answer.json.keys() == {"code", "name", "description"}
    assert answer.json["description"]


def test_other_refusals_have_that_form_too(shared: Api) -> None:
    project = shared.get("/projects").json[0]["id"]
    path = f"/projects/{project}"
    statuses = {
        "no token": (shared.get("/projects", as_=None), 401),
        "may not": (shared.post("/projects", {"name": "x"}, as_="viewer"), 403),
        "no such project": (shared.post("/projects", {"name": "x", "source": "999"}), 404),
        "no such address": (shared.get(f"{path}/nothing"), 404),
        "no such method": (shared.send("PUT", path), 405),
        "no form": (shared.post(f"{path}/assets", {"a": 1}), 415),
        "too large": (shared.post(f"{path}/jobs", raw=b" " * (9 << 20)), 413),
        "not JSON": (shared.post(f"{path}/jobs", raw=b"["), 400),
        "deep": (shared.post(f"{path}/jobs", raw=b"[" * 100_000), 400),
        "unknown parameter": (shared.get(f"{path}/jobs?filter=1"), 400),
        "twice": (shared.get(f"{path}/jobs?q=id:1&q=id:2"), 400),
        "long q": (shared.get(f"{path}/jobs?q=name:{'x' * 10_000}"), 400),
        "slow q": (shared.get(f"{path}/jobs?q=name:{'*a' * 200}"), 400),
        "sort": (shared.get(f"{path}/jobs?sort=created:1;drop"), 400),
        "workflows have no name": (shared.get(f"{path}/workflows?q=name:x"), 400),
    }
    for what, (answer, status) in statuses.items():
        assert answer.status_code == status, what
        assert json.loads(answer.data).keys() == {"code", "name", "description"}, what
        assert answer.json["code"] == status


def test_slashes_are_forgiven(shared: Api) -> None:
    project = shared.get("/projects/").json[0]
    assert shared.get(f"/projects//{project['id']}/").json == project
