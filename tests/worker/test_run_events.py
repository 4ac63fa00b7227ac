"""What listeners to Celery's events are told of runs, and what not."""

from typing import Any

from app.wire.claim import RunSpec, Secret
from app.wire.report import Failure
from app.wire.resources import Resources
from app.wire.states import RunState
from app.wire.usage import Usage
from tests.replacing import replace
from worker.outcome import Outcome
from worker.run_events import HIDDEN, LONGEST, RunEvents

SPEC = RunSpec(
    run_id="run",
    fence=2,
    job_id="job",
    task_id="task",
    task="render",
    attempt=2,
    map_index=None,
    executor="python",
    version="",
    payload={"callable": "noop", "arguments": {"key": "of the payload"}},
    inputs=[],
    outputs=[],
    shape=Resources(cpu_milli=1, memory_mib=1),
    time_limit_s=1,
    grace_s=1,
    token="",
)
WITH_SECRETS = replace(SPEC, secrets=(Secret(mark="m", name="KEY", value="hunter2"),))
WELL = Outcome(state=RunState.SUCCEEDED, ended=0.0, result={"a": "hunter2"}, usage=Usage(wall_s=1.5))
BADLY = Outcome(state=RunState.FAILED, ended=0.0, failure=Failure(code="exit_code", message="ended with hunter2"))


class Dispatcher:
    def __init__(self, *, enabled: bool = True, breaks: bool = False) -> None:
        self.enabled = enabled
        self.breaks = breaks
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **said: Any) -> None:
        if self.breaks:
            raise ConnectionError("the broker is away")
        self.sent.append((kind, said))


def told(spec: RunSpec, *outcomes: Outcome) -> list[tuple[str, dict[str, Any]]]:
    events, dispatcher = RunEvents(), Dispatcher()
    events.dispatcher = dispatcher
    events.taken(spec)
    for outcome in outcomes:
        events.ended(spec, outcome)
    return dispatcher.sent


def test_a_run_is_a_task_with_its_own_name_state_and_result() -> None:
    received, started, ended = told(SPEC, WELL)
    assert [kind for kind, _ in (received, started, ended)] == ["task-received", "task-started", "task-succeeded"]
    assert {said["name"] for _, said in (received, started, ended)} == {"render"}
    assert {said["uuid"] for _, said in (received, started, ended)} == {"run"}
    assert received[1]["retries"] == 1
    assert (ended[1]["result"], ended[1]["runtime"]) == ('{"a": "hunter2"}', 1.5)
    assert "of the payload" not in str(received)
    assert told(replace(SPEC, map_index=7))[0][1]["name"] == "render[7]"


def test_how_it_did_not_succeed_is_said() -> None:
    kind, said = told(SPEC, BADLY)[-1]
    assert (kind, said["exception"]) == ("task-failed", "exit_code: ended with hunter2")
    lost = Outcome(state=RunState.LOST, ended=0.0)
    assert told(SPEC, lost)[-1][1]["exception"] == "lost"
    assert told(SPEC, Outcome(state=RunState.CANCELED, ended=0.0))[-1][0] == "task-revoked"


def test_of_a_run_with_secrets_nothing_that_it_said_is_told() -> None:
    sent = told(WITH_SECRETS, WELL, BADLY)
    assert "hunter2" not in str(sent)
    assert sent[-2][1]["result"] == HIDDEN
    assert sent[-1][1]["exception"] == f"exit_code: {HIDDEN}"


def test_what_is_long_is_cut() -> None:
    assert len(told(SPEC, replace(WELL, result="x" * 9999))[-1][1]["result"]) == LONGEST


def test_without_listeners_nothing_is_sent_and_a_broken_broker_costs_nothing() -> None:
    events = RunEvents()
    events.taken(SPEC)
    events.dispatcher = silent = Dispatcher(enabled=False)
    events.taken(SPEC)
    events.ended(SPEC, WELL)
    assert silent.sent == []
    events.dispatcher = Dispatcher(breaks=True)
    events.taken(SPEC)
    events.ended(SPEC, WELL)
