"""A run's log over HTTP: stretches, conditions, its end, following it, and all of it as a file."""

from typing import Any

import pytest

from tests.rest.conftest import Api, noop
from tests.rest.test_lists import follow


class Log:
    """A run that has said something."""

    def __init__(self, api: Api) -> None:
        self.api = api
        api.join()
        self.job = api.submit(noop("a"))
        (self.spec,) = api.claim()
        self.path = f"/v1/runs/{self.spec['runId']}"
        self.said = 0

    def say(self, *lines: tuple[str, str, str], sequence: int) -> None:
        said = [[self.said + at, 1_000_000, *line] for at, line in enumerate(lines, start=1)]
        self.said += len(lines)
        report = {"runId": self.spec["runId"], "fence": 1, "sequence": sequence, "lines": said}
        assert self.api.report(report).status_code == 200

    def ask(self, query: str = "") -> Any:
        answer = self.api.get(f"{self.path}/messages?{query}")
        assert answer.status_code == 200, answer.text
        return answer.json

    def texts(self, query: str = "") -> list[str]:
        return [item["text"] for item in self.ask(query)["items"]]


def out(text: str, level: str = "info") -> tuple[str, str, str]:
    return "stdout", level, text


@pytest.fixture
def log(api: Api) -> Log:
    return Log(api)


def test_stretches_and_conditions(log: Log) -> None:
    log.say(*[out(f"line {at}") for at in range(1, 301)], sequence=1)
    log.say(("stderr", "info", "Careful: 100 %"), ("system", "error", "it broke"), sequence=2)
    assert log.texts("fromLine=255&toLine=257") == ["line 255", "line 256", "line 257"]
    assert [item["line"] for item in log.ask("fromLine=299")["items"]] == [299, 300, 301, 302]
    assert log.texts("level=warning") == ["it broke"]
    assert log.texts("stream=stderr") == ["Careful: 100 %"]
    assert log.texts("stream=stderr&stream=system") == ["Careful: 100 %", "it broke"]
    assert log.texts("q=CAREFUL") == ["Careful: 100 %"]
    assert log.texts("q=CAREFUL&matchCase=true") == []
    assert log.texts("q=line+29") == [f"line {at}" for at in (29, *range(290, 300))]
    assert log.texts("tail=2") == ["Careful: 100 %", "it broke"]
    assert log.texts("tail=2&stream=stdout") == ["line 299", "line 300"]
    assert len(follow(log.api, f"{log.path}/messages?limit=7&q=line")) == 300
    assert len(follow(log.api, f"{log.path}/messages?limit=1000")) == 302


def test_following_a_log_gives_each_line_once(log: Log) -> None:
    seen: list[str] = []
    cursor = ""
    for turn in range(5):
        answer = log.ask(f"tail=3&q=new{cursor}")
        assert "nextCursor" not in answer
        seen += [item["text"] for item in answer["items"]]
        cursor = f"&cursor={answer['followCursor']}"
        log.say(out(f"new {turn}"), out("other"), sequence=turn + 1)
    assert seen == [f"new {turn}" for turn in range(4)]


def test_following_a_job_and_a_task(log: Log) -> None:
    log.say(out("one"), sequence=1)
    for path in (f"/v1/jobs/{log.job['id']}", f"/v1/tasks/{log.spec['taskId']}"):
        answer = log.api.get(f"{path}/messages?tail=10").json
        assert [item["text"] for item in answer["items"]] == ["one"]
        again = log.api.get(f"{path}/messages?tail=10&cursor={answer['followCursor']}").json
        assert (again["items"], again["followCursor"]) == ([], answer["followCursor"])


def test_a_log_is_a_file(log: Log) -> None:
    log.say(out("zwölf"), ("stderr", "info", "</script>"), ("system", "info", "of the node"), sequence=1)
    answer = log.api.get(f"{log.path}/log")
    assert answer.text == "zwölf\n</script>\n"
    assert answer.headers["Content-Length"] == str(len(answer.data))
    assert answer.mimetype == "text/plain"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert log.api.get(f"{log.path}/log?stream=system").text == "of the node\n"


@pytest.mark.parametrize(
    "query",
    [
        "level=loud",
        "stream=stdin",
        "q=",
        "q=" + "x" * 513,
        "q=%07",
        "matchCase=1",
        "tail=0",
        "tail=1001",
        "fromLine=0",
        "toLine=-1",
        "fromLine=x",
        "fromLine=9223372036854775808",
        "from=1",
        "after=1",
    ],
)
def test_a_bad_query_is_400_and_names_the_parameter(log: Log, query: str) -> None:
    answer = log.api.get(f"{log.path}/messages?{query}")
    assert answer.status_code == 400
    assert [each["parameter"] for each in answer.json["errors"]] == [query.partition("=")[0]]


def test_the_log_takes_no_window(log: Log) -> None:
    assert log.api.get(f"{log.path}/log?limit=3").status_code == 400
    assert log.api.get(f"{log.path}/log", as_="foreign").status_code == 404


def test_a_report_that_was_overtaken_loses_no_lines(log: Log) -> None:
    report = {"runId": log.spec["runId"], "fence": 1}
    first = {**report, "sequence": 1, "lines": [[1, 1_000_000, "stdout", "info", "one"]]}
    second = {**report, "sequence": 2, "lines": [[2, 1_000_000, "stdout", "info", "two"]]}
    ending = {**report, "sequence": 3, "ending": {"state": "succeeded", "atUs": 1}}
    for each in (second, ending, first, first, second):
        assert log.api.report(each).status_code == 200
    assert log.texts() == ["two", "one"]
