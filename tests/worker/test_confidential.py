"""Secrets get into a run and into nothing that leaves the node: reports, the spool, results in files."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.wire.claim import RunSpec, Secret
from app.wire.report import Failure
from app.wire.resources import NOTHING
from app.wire.states import RunState
from tests.worker.fake_api import FakeApi, make_spec
from worker import supervise
from worker.api_client import Api, Clock
from worker.confidential import clean, mask_of, revealed
from worker.executors.command import Command
from worker.executors.python import Python
from worker.journal import RunJournal
from worker.lines import CUT_MARK, LINE_LIMIT
from worker.outcome import Outcome, Work
from worker.report import Reporter

VALUE = 'hunter2/"Zwölf"+secret'
MARK = "[secret KEY chance]"
CLOCK = Clock(now_us=0, received=0.0)


def spec_of(payload: Any, **changed: Any) -> RunSpec:
    sent = make_spec("r", payload, secrets=(Secret(name="KEY", mark=MARK, value=VALUE),), **changed)
    return RunSpec.from_wire(orjson.loads(orjson.dumps(sent.to_wire())))


def journal_of(spec: RunSpec) -> RunJournal:
    return RunJournal(spec, CLOCK, lambda journal: None)


def test_values_come_where_their_marks_stand_and_nowhere_else() -> None:
    payload = {"argv": ["x", f"--key={MARK}", MARK], "env": {"A": MARK, "n": 1}, "stdin": "${{ secrets.KEY }}"}
    spec = spec_of(payload, inputs=[{"source": {"uri": f"https://h/?k={MARK}"}, "target": {"path": "p"}}])
    shown = revealed(spec)
    assert shown.payload["argv"] == ["x", f"--key={VALUE}", VALUE]
    assert shown.payload["env"] == {"A": VALUE, "n": 1}
    assert shown.payload["stdin"] == "${{ secrets.KEY }}"
    assert shown.inputs[0]["source"]["uri"] == f"https://h/?k={VALUE}"
    assert VALUE not in str(spec)
    plain = make_spec("s", payload)
    assert revealed(plain) is plain


def test_nothing_that_is_said_holds_a_value() -> None:
    journal = journal_of(spec_of(None))
    journal.line(1.0, "stdout", "info", f"the key is {VALUE}")
    journal.line(1.0, "stderr", "info", base64.b64encode(b"user:" + VALUE.encode()).decode())
    journal.line(1.0, "stdout", "info", "x" * (LINE_LIMIT - 8) + VALUE[:8] + CUT_MARK)
    journal.line(1.0, "stdout", "info", "password=other")
    journal.status(f"uses {VALUE}")
    failure = Failure(code="exception", message=f"ValueError: {VALUE!r}")
    outcome = Outcome(state=RunState.FAILED, ended=1.0, failure=failure, result={VALUE: [VALUE]})
    report = journal.ending(outcome, 0)
    texts = [line.text for line in report.lines]
    assert texts[0] == "the key is ***"
    assert "***" in texts[1]
    assert texts[2].endswith(f"x***{CUT_MARK}")
    assert texts[3] == "password=***"
    assert report.status_text == "uses ***"
    assert report.ending is not None
    assert report.ending.failure == Failure(code="exception", message="ValueError: '***'")
    assert report.ending.result == {"***": ["***"]}
    assert VALUE not in orjson.dumps(report.to_wire()).decode()


def test_a_result_in_a_file_is_cleaned(tmp_path: Path) -> None:
    file = tmp_path / "result"
    mask = mask_of(spec_of(None))
    file.write_bytes(orjson.dumps({"a": [VALUE, 1], "b": "kept"}))
    clean(file, mask)
    assert orjson.loads(file.read_bytes()) == {"a": ["***", 1], "b": "kept"}
    before = file.stat().st_mtime_ns
    clean(file, mask)
    assert file.stat().st_mtime_ns == before
    file.write_bytes(f'["{VALUE}",'.encode())
    clean(file, mask)
    assert VALUE.encode() not in file.read_bytes()


@pytest.fixture
def reporter(api: FakeApi, tmp_path: Path) -> Iterator[Reporter]:
    client = Api(api.url, "token")
    client.named("node")
    made = Reporter(
        api=client, folder=tmp_path, free=lambda: NOTHING, on_stale=lambda run_id: None, on_handoff=lambda *_: None
    )
    yield made
    made.close()


def leftovers(folder: Path) -> list[Path]:
    """Files that hold the value, in any of a few forms."""
    forms = [VALUE.encode(), orjson.dumps(VALUE)[1:-1], VALUE.encode().hex().encode()]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(form in path.read_bytes() for form in forms)]


def test_the_spool_never_has_a_value(reporter: Reporter, tmp_path: Path) -> None:
    supervise.become_subreaper()
    command = Command(mark={}, api_url="http://api")
    script = 'echo "$KEY"; echo "$0" >&2; printf %s "\\"$1\\"" > "$FLOTILLA_RESULT"; echo "openjd_fail: $KEY"; exit 3'
    payload = {"argv": ["sh", "-c", script, MARK, "ok"], "env": {"KEY": MARK}}
    spec = spec_of(payload)
    journal = reporter.open(spec, CLOCK)
    work = Work(revealed(spec), journal, tmp_path / "r.1")
    try:
        ((_, outcome),) = [each for each in command.run([work]) if each is not None]
    finally:
        command.close()
    assert outcome.exit_code == 3
    reporter.finish(journal, outcome)
    spooled = (tmp_path / "spool.jsonl").read_bytes()
    assert spooled.count(b"***") >= 2
    assert leftovers(tmp_path) == []


def test_a_callable_that_tells_all_tells_nothing(reporter: Reporter, tmp_path: Path) -> None:
    supervise.become_subreaper()
    names = "leak=tests.worker.callables_for_tests:leak,boom=tests.worker.callables_for_tests:boom"
    python = Python(mark={}, api_url="http://api", callables=names, folder=tmp_path)
    try:
        for name, argument in (("leak", "value"), ("boom", "text")):
            spec = spec_of({"callable": name, "arguments": {argument: MARK}})
            journal = reporter.open(spec, CLOCK)
            work = Work(revealed(spec), journal, tmp_path / "r.1")
            ((_, outcome),) = [each for each in python.run([work]) if each is not None]
            if outcome.large is not None:
                assert leftovers(tmp_path) == [outcome.large]
                journal.clean(outcome.large)
            reporter.finish(journal, outcome)
            assert leftovers(tmp_path) == []
    finally:
        python.close()
    spooled = (tmp_path / "spool.jsonl").read_bytes()
    assert b"ValueError: ***" in spooled
    assert spooled.count(b"***") >= 6
