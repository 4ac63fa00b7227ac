"""A run speaks for itself with its own token: progress, messages, a result."""

from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.rest.conftest import Api, noop


class Telling:
    """A running run, and its token."""

    def __init__(self, api: Api) -> None:
        self.api = api
        api.join()
        self.job = api.submit(noop("a"))
        (self.spec,) = api.claim()
        self.path = f"/v1/runs/{self.spec['runId']}"

    def tell(self, what: str, body: Any, path: str | None = None) -> TestResponse:
        header = {"Authorization": f"Bearer {self.spec['token']}"}
        return self.api.post(f"{path or self.path}/{what}", body, as_=None, headers=header)

    def report(self, sequence: int, **said: Any) -> None:
        report = {"runId": self.spec["runId"], "fence": 1, "sequence": sequence, **said}
        assert self.api.report(report).status_code == 200

    @property
    def run(self) -> Any:
        return self.api.get(self.path).json


@pytest.fixture
def telling(api: Api) -> Telling:
    return Telling(api)


def test_progress_never_falls_whoever_tells_it(telling: Telling) -> None:
    assert telling.tell("progress", {"progress": 0.5, "statusText": "half"}).status_code == 204
    assert telling.tell("progress", {"progress": 0.25}).status_code == 204
    telling.report(1, progress=0.4)
    assert (telling.run["progress"], telling.run["statusText"]) == (0.5, "half")
    telling.report(2, progress=0.75, statusText="by the node")
    assert (telling.run["progress"], telling.run["statusText"]) == (0.75, "by the node")


def test_messages_stand_beside_the_program_s_lines(telling: Telling) -> None:
    telling.report(1, lines=[[1, 1_000_000, "stdout", "info", "hello"]])
    said = {"messages": [{"text": "careful", "level": "warning"}, {"text": "</script>\x1b[31m"}]}
    for _ in range(2):
        assert telling.tell("messages", said).status_code == 204
    found = telling.api.get(f"{telling.path}/messages").json["items"]
    assert [one["text"] for one in found] == ["hello", *["careful", "</script>\x1b[31m"] * 2]
    assert [(one["stream"], one["level"]) for one in found[:2]] == [("stdout", "info"), ("system", "warning")]


def test_a_result_told_stands_unless_the_program_ends_with_one(api: Api, telling: Telling) -> None:
    assert telling.tell("result", {"result": {"k": [1]}}).status_code == 204
    telling.report(1, ending={"state": "succeeded", "atUs": 1})
    (task,) = api.get(f"/v1/jobs/{telling.job['id']}/tasks").json["items"]
    assert (task["result"], task["outputs"]["params"]) == ({"k": [1]}, {"k": [1]})


def test_the_program_s_own_result_goes_first(telling: Telling) -> None:
    assert telling.tell("result", {"result": "told"}).status_code == 204
    telling.report(1, ending={"state": "succeeded", "atUs": 1, "result": "returned"})
    assert telling.run["result"] == "returned"


@pytest.mark.parametrize(
    ("what", "body", "place"),
    [
        *[("progress", {"progress": value}, "/progress") for value in (2, -0.1, "NaN", True, None)],
        ("progress", {"state": "succeeded"}, "/state"),
        ("messages", {"messages": []}, "/messages"),
        ("messages", {"messages": [{"text": "x" * 16_385}]}, "/messages/0/text"),
        ("messages", {"messages": [{"text": "x", "level": "loud"}]}, "/messages/0/level"),
        ("messages", {"messages": [{"text": "x"}] * 101}, "/messages"),
        ("result", {}, "/result"),
        ("result", {"result": "x" * (256 << 10)}, "/result"),
    ],
)
def test_what_is_wrong_is_refused(telling: Telling, what: str, body: Any, place: str) -> None:
    answer = telling.tell(what, body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, place)


def test_it_speaks_for_no_other_and_not_after_its_end(api: Api, telling: Telling) -> None:
    api.submit(noop("other"))
    (other,) = api.claim()
    assert telling.tell("progress", {}, f"/v1/runs/{other['runId']}").status_code == 404
    assert api.post(f"{telling.path}/progress", {}, as_="admin").status_code == 403
    telling.report(1, ending={"state": "succeeded", "atUs": 1})
    assert telling.tell("progress", {"progress": 1}).status_code == 401
