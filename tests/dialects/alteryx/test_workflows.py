"""Workflows: read, asked, run with answers of every kind, and the lists of their jobs. And tokens for credentials."""

import base64
from typing import Any

import pytest

from tests.dialects.alteryx.conftest import save
from tests.dialects.alteryx.test_document import NOBODY, TIME, end, start
from tests.rest.conftest import Api, noop

REDUCED = {"id", "sourceAppId", "name", "ownerId", "dateCreated", "publishedVersionNumber", "isAmp", "executionMode"}
WHOLE = {
    "id", "sourceAppId", "dateCreated", "runCount", "versions", "name", "ownerId", "workerTag", "districtTags",
    "comments", "isPublic", "isReadyForMigration", "publishedVersionId", "othersMayDownload", "othersCanViewHistory",
    "othersCanExecute", "executionMode", "hasPrivateDataExemption",
}  # fmt: skip
VERSION = {
    "versionId", "versionNumber", "dateCreated", "uploadSource", "uploadDate", "packageWorkflowType", "published",
    "comments", "runDisabled", "executionMode", "workflowCredentialType", "credentialId", "hasPrivateDataExemption",
    "othersMayDownload", "othersCanViewHistory", "details",
}  # fmt: skip


def jobs(api: Api, workflow: str, query: str = "") -> list[str]:
    answer = api.get(f"/webapi/v3/workflows/{workflow}/jobs{query}")
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json]


def wrong(answer: Any) -> list[str]:
    """The fields that are wrong."""
    assert (answer.status_code, set(answer.json)) == (400, {"message", "modelState"}), answer.text
    assert all(isinstance(each, list) and all(each) for each in answer.json["modelState"].values())
    return list(answer.json["modelState"])


# -- reading


def test_a_workflow_has_all_that_its_readers_ask_for(api: Api, workflow: str) -> None:
    whole = api.get(f"/webapi/v3/workflows/{workflow}").json
    assert set(whole) >= WHOLE
    assert TIME.fullmatch(whole["dateCreated"])
    (version,) = whole["versions"]
    assert set(version) == VERSION
    assert (version["packageWorkflowType"], version["published"]) == ("App", True)
    assert None not in whole.values()
    assert None not in version["details"].values()


def test_versions_come_oldest_first_and_the_newest_is_published(api: Api, workflow: str) -> None:
    job = {"name": "new", "tasks": [{**noop("a"), "tag": "gpu"}]}
    api.post(f"/v1/templates/{workflow}/versions", {"job": job, "comment": "other"})
    whole = api.get(f"/webapi/v3/workflows/{workflow}").json
    assert [(each["versionId"], each["published"], each["comments"]) for each in whole["versions"]] == [
        ("1", False, ""),
        ("2", True, "other"),
    ]
    assert (whole["publishedVersionId"], whole["workerTag"]) == ("2", "gpu")
    assert api.get(f"/webapi/v3/workflows/{workflow}/questions").json == []
    assert len(api.get(f"/webapi/v3/workflows/{workflow}/questions?versionId=1").json) == 3
    assert api.get(f"/webapi/v3/workflows/{workflow}/questions?versionId=3").status_code == 404


def test_workflows_are_listed_and_found(api: Api) -> None:
    first, second = save(api, name="one"), save(api, name="two")
    listed = api.get("/webapi/v3/workflows").json
    assert [each["id"] for each in listed] == [second, first]
    assert set(listed[0]) >= REDUCED

    def found(query: str) -> list[str]:
        return [each["name"] for each in api.get(f"/webapi/v3/workflows?{query}").json]

    made = listed[1]["dateCreated"]
    assert found("name=one&view=Default") == ["one"]
    assert found("ownerId=admin") == ["two", "one"]
    assert found("ownerId=nobody") == []
    assert found("createdAfter=2001-01-01&createdBefore=2100-01-01T00:00:00Z") == ["two", "one"]
    assert found("createdAfter=2100-01-01") == found(f"createdBefore={made[:4]}-01-01") == []
    assert found("page=2&pageSize=1") == ["one"]
    assert wrong(api.get("/webapi/v3/workflows?createdAfter=now")) == ["createdAfter"]


def test_questions_are_shown_for_both_clients(shared: Api, standing: str) -> None:
    questions = shared.get(f"/webapi/v3/workflows/{standing}/questions").json
    assert questions == [
        {
            "name": "who",
            "questionType": "QuestionTextBox",
            "description": "Whom it is for",
            "value": "",
            "multiple": False,
            "items": [],
            "id": "who",
            "type": "text",
            "required": True,
            "defaultValue": None,
        },
        {
            "name": "times",
            "questionType": "QuestionNumericUpDown",
            "description": "",
            "value": "2",
            "multiple": False,
            "items": [],
            "id": "times",
            "type": "integer",
            "required": False,
            "defaultValue": "2",
        },
        {
            "name": "how",
            "questionType": "QuestionDropDown",
            "description": "",
            "value": "quick",
            "multiple": False,
            "id": "how",
            "type": "choice",
            "required": False,
            "defaultValue": "quick",
            "items": [{"key": "quick", "value": "quick"}, {"key": "thorough", "value": "thorough"}],
        },
    ]
    several = [{"name": "all", "type": "choice", "choices": ["a", "b"], "multiple": True, "default": ["a"]}]
    other = save(shared, questions=several, job={"name": "j", "tasks": [noop("a")]})
    (shown,) = shared.get(f"/webapi/v3/workflows/{other}/questions").json
    assert (shown["questionType"], shown["value"], shown["multiple"]) == ("QuestionListBox", '["a"]', True)


@pytest.mark.parametrize("path", ["", "/questions", "/jobs"])
def test_another_s_workflow_is_not_there(shared: Api, standing: str, path: str) -> None:
    absent = shared.get(f"/webapi/v3/workflows/{NOBODY}{path}")
    foreign = shared.get(f"/webapi/v3/workflows/{standing}{path}", as_="foreign")
    assert (absent.status_code, absent.text) == (foreign.status_code, foreign.text) == (404, absent.text)
    assert shared.post(f"/webapi/v3/workflows/{standing}/jobs", {}, as_="foreign").status_code == 404


# -- running


@pytest.mark.parametrize(
    "questions",
    [
        [{"name": "who", "value": "ann"}, {"name": "times", "value": "3"}, {"name": "how", "value": "thorough"}],
        {"who": "ann", "times": 3, "how": "thorough"},
        {"who": "ann", "times": "3", "how": "thorough"},
    ],
)
def test_answers_are_a_list_or_an_object(api: Api, workflow: str, questions: Any) -> None:
    made = start(api, workflow, questions=questions)
    assert (made["appId"], made["status"], made["disposition"]) == (workflow, "Queued", "None")
    assert (made["outputs"], made["messages"]) == ([], [])
    assert api.get(f"/v1/jobs/{made['id']}").json["parameters"] == {"who": "ann", "times": 3, "how": "thorough"}
    assert api.get(f"/webapi/v3/workflows/{workflow}").json["runCount"] == 1


def test_what_is_not_answered_has_its_default(shared: Api, standing: str) -> None:
    made = start(shared, standing, workerTag=None, credentialId="", priority=None)
    assert shared.get(f"/v1/jobs/{made['id']}").json["parameters"] == {"who": "ann", "times": 2, "how": "quick"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"questions": {"who": "x", "nope": 1}}, ["questions.nope"]),
        ({"questions": [{"name": "who", "value": "x"}, {"name": "nope", "value": "y"}]}, ["questions.nope"]),
        ({"questions": {}}, ["questions.who"]),
        ({}, ["questions.who"]),
        ({"questions": {"who": None}}, ["questions.who"]),
        ({"questions": {"who": "x", "times": "many", "how": "wrongly"}}, ["questions.times", "questions.how"]),
        ({"questions": "who"}, ["questions"]),
        ({"questions": [{"name": "who"}, {"value": "x"}]}, ["questions.1"]),
        ({"questions": [{"name": "who", "value": "x", "more": 1}]}, ["questions.0"]),
        ({"questions": [{"name": "who", "value": "x"}, {"name": "who", "value": "y"}]}, ["questions.1"]),
        ({"questions": [{"name": ["who"], "value": "x"}]}, ["questions.0"]),
        ({"questions": {"who": "x"}, "priority": "Highest"}, ["priority"]),
        ({"questions": {"who": "x"}, "priority": 1}, ["priority"]),
        ({"questions": {"who": "x"}, "workerTag": 1}, ["workerTag"]),
        ({"questions": {"who": "x"}, "credentialId": "c1"}, ["credentialId"]),
        ({"questions": {"who": "x"}, "status": "Completed"}, ["status"]),
        ([], ["request"]),
    ],
)
def test_what_is_wrong_is_named(shared: Api, standing: str, body: Any, fields: list[str]) -> None:
    before = shared.stored()[0]
    assert wrong(shared.post(f"/webapi/v3/workflows/{standing}/jobs", body)) == fields
    assert shared.stored()[0] == before


def test_a_body_that_cannot_be_read(shared: Api, standing: str) -> None:
    for raw in (b"{", b"[" * 100_000, b'{"a": NaN}', b'{"priority": "Low", "priority": "High"}', b'{"a": "\\ud800"}'):
        answer = shared.post(f"/webapi/v3/workflows/{standing}/jobs", raw=raw)
        assert (answer.status_code, set(answer.json)) == (400, {"message", "modelState"})
    surrogate = {"questions": {"times": 1, "who": "x", "how": '["\\ud800"]'}}
    assert wrong(shared.post(f"/webapi/v3/workflows/{standing}/jobs", surrogate)) == ["questions.how"]


def test_a_body_of_another_type_or_size(shared: Api, standing: str) -> None:
    url = f"/webapi/v3/workflows/{standing}/jobs"
    text = shared.post(url, raw=b"{}", headers={"Content-Type": "text/plain"})
    large = shared.post(url, {"questions": {"who": "x" * (9 << 20)}})
    assert (text.status_code, large.status_code) == (415, 413)
    assert set(text.json) == set(large.json) == {"message", "modelState"}
    assert wrong(shared.post(url, {"questions": {"who": "x" * (2 << 20)}})) == ["questions"]


@pytest.mark.parametrize("kind", ["module", "macro"])
def test_only_an_app_runs(shared: Api, kind: str) -> None:
    answer = shared.post(f"/webapi/v3/workflows/{save(shared, kind=kind)}/jobs", {"questions": {"who": "x"}})
    assert wrong(answer) == ["request"]
    assert kind in answer.json["message"]


@pytest.mark.parametrize(
    ("word", "number"), [("Default", 50), ("Low", 25), ("Medium", 60), ("High", 75), ("Critical", 100)]
)
def test_a_priority_is_a_word_here_and_a_number_natively(shared: Api, standing: str, word: str, number: int) -> None:
    made = start(shared, standing, priority=word)
    assert made["priority"] == word
    native = shared.get(f"/v1/jobs/{made['id']}").json
    tasks = shared.get(f"/v1/jobs/{made['id']}/tasks").json["items"]
    assert (native["priority"], {task["priority"] for task in tasks}) == (number, {number})


@pytest.mark.parametrize(("number", "word"), [(0, "Low"), (49, "Low"), (59, "Default"), (74, "Medium"), (99, "High")])
def test_numbers_in_between_are_the_next_lower_word(shared: Api, number: int, word: str) -> None:
    plain = shared.submit(noop("a"), priority=number)
    assert shared.get(f"/webapi/v3/jobs/{plain['id']}").json["priority"] == word


def test_default_is_the_workflow_s_own_priority(shared: Api) -> None:
    workflow = save(shared, job={"name": "j", "tasks": [noop("a")], "priority": 80}, questions=[])
    assert start(shared, workflow, questions=None, priority="Default")["priority"] == "High"


def test_a_worker_tag_is_that_of_all_tasks(api: Api) -> None:
    tasks = [noop("a", tag="small"), noop("b")]
    workflow = save(api, job={"name": "j", "tasks": tasks}, questions=[])
    assert api.get(f"/webapi/v3/workflows/{workflow}").json["workerTag"] == ""
    tagged = start(api, workflow, questions=None, workerTag="gpu")
    assert tagged["workerTag"] == "gpu"
    found = api.get(f"/v1/jobs/{tagged['id']}/tasks").json["items"]
    assert [task["tag"] for task in found] == ["gpu", "gpu"]
    assert start(api, workflow, questions=None, workerTag="")["workerTag"] == "small"


def test_a_viewer_runs_and_cancels_nothing(shared: Api, standing: str) -> None:
    made = start(shared, standing)
    refused = shared.post(f"/webapi/v3/workflows/{standing}/jobs", {"questions": {"who": "x"}}, as_="viewer")
    assert (refused.status_code, set(refused.json)) == (401, {"message", "modelState"})
    assert shared.send("DELETE", f"/webapi/v3/jobs/{made['id']}", as_="viewer").status_code == 401


# -- lists of jobs


def test_jobs_of_a_workflow(api: Api, workflow: str) -> None:
    made = [start(api, workflow, priority=word)["id"] for word in ("Low", "Critical", "Default")]
    start(api, save(api))
    shown = api.get(f"/webapi/v3/workflows/{workflow}/jobs").json
    assert [each["id"] for each in shown] == made[::-1]
    assert set(shown[0]) == {"id", "createDate", "status", "priority", "workerTag", "runWithE2"}
    assert TIME.fullmatch(shown[0]["createDate"])
    assert jobs(api, workflow, "?sortField=createDate&direction=Asc") == made
    assert jobs(api, workflow, "?sortField=id&direction=desc") == made[::-1]
    assert jobs(api, workflow, "?sortField=priority&direction=desc") == [made[1], made[2], made[0]]
    assert jobs(api, workflow, "?offset=1&limit=1") == [made[1]]
    assert jobs(api, workflow, "?offset=3") == []


def test_jobs_by_status_and_result(api: Api, workflow: str) -> None:
    api.join()
    good, bad, canceled, queued = (start(api, workflow)["id"] for _ in range(4))
    end(api)
    end(api, state="failed")
    api.send("DELETE", f"/webapi/v3/jobs/{canceled}")
    assert jobs(api, workflow, "?status=Completed") == [bad, good]
    assert jobs(api, workflow, "?status=Completed&resultCode=Error") == [bad]
    assert jobs(api, workflow, "?resultCode=Success") == [good]
    assert jobs(api, workflow, "?status=Cancelled") == [canceled]
    assert jobs(api, workflow, "?status=Queued") == [queued]
    for none in ("status=Running", "status=Created", "status=Error", "status=Queued&resultCode=Error", "resultCode=x"):
        assert jobs(api, workflow, f"?{none}") == []


def test_jobs_of_all_workflows(api: Api, workflow: str) -> None:
    first = start(api, workflow)["id"]
    other = api.submit(noop("a"))["id"]
    listed = api.get("/webapi/v3/jobs/").json
    assert [each["id"] for each in listed] == [other, first]
    assert [each["id"] for each in api.get(f"/webapi/v3/jobs/?workflowId={workflow}").json] == [first]
    assert [each["id"] for each in api.get("/webapi/v3/jobs?page=2&pageSize=1").json] == [first]
    assert api.get("/webapi/v3/jobs/?workflowId='").json == []
    assert api.get("/webapi/v3/jobs?status=Completed").json == []


@pytest.mark.parametrize(
    "query",
    [
        *("sortField=name", "sortField=createDate;drop", "direction=up", "offset=-1", "offset=1.5", "limit=0"),
        *("limit=1001", "limit=x", "offset=99999999999999999999", "status=Done", "cursor=x", "limit=1&limit=2"),
    ],
)
def test_a_wrong_parameter_is_named(shared: Api, standing: str, query: str) -> None:
    assert wrong(shared.get(f"/webapi/v3/workflows/{standing}/jobs?{query}")) == [query.partition("=")[0]]


# -- tokens


def ask(api: Api, form: dict[str, str], authorization: str | None = None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    return api.client.post("/webapi/oauth2/token", data=form, headers=headers)


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


GRANT = {"grant_type": "client_credentials"}


def test_a_token_for_credentials_in_the_form_or_in_the_header(shared: Api, standing: str) -> None:
    secret = shared.tokens["member"]
    in_form = ask(shared, {**GRANT, "client_id": "any", "client_secret": secret})
    in_header = ask(shared, GRANT, basic(f"any:{secret}"))
    for answer in (in_form, in_header):
        assert answer.status_code == 200, answer.text
        granted = answer.json
        assert set(granted) == {"access_token", "expires_in", "token_type"}
        assert (granted["token_type"], granted["expires_in"] > 300) == ("Bearer", True)
        bearer = {"Authorization": f"Bearer {granted['access_token']}"}
        assert shared.get(f"/webapi/v3/workflows/{standing}", as_=None, headers=bearer).status_code == 200


@pytest.mark.parametrize(
    ("form", "authorization", "status"),
    [
        ({"client_id": "any"}, None, 400),
        ({"grant_type": "password"}, None, 400),
        (GRANT, None, 400),
        ({**GRANT, "client_id": "any", "client_secret": "fl_wrong"}, None, 401),
        ({**GRANT, "client_id": "any", "client_secret": "nonsense"}, None, 401),
        (GRANT, "Basic not-base64!", 401),
        (GRANT, basic("any"), 401),
        (GRANT, "Bearer x", 401),
    ],
)
def test_no_token_for_anything_else(shared: Api, form: dict[str, str], authorization: str | None, status: int) -> None:
    answer = ask(shared, form, authorization)
    assert (answer.status_code, set(answer.json)) == (status, {"message", "modelState"})
