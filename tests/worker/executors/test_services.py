"""A declared service gets the parameters, is asked until it is done, and is told when the run must end before that."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from app.wire.states import RunState
from tests.wait import wait_until
from tests.worker.conftest import MakeWork, notebook
from tests.worker.executors.conftest import Declare, code_of, message_of, run_one
from tests.worker.executors.service import Answer, Service
from worker.executors.declared import services
from worker.executors.declared.declaration import Service as Declared
from worker.executors.declared.services import DeclaredService
from worker.outcome import Outcome, Why

Serve = Callable[..., Service]
ACCEPTED: Answer = (202, {"Location": "/jobs/7"}, {"progress": 40, "status": "meshing"})


@pytest.fixture
def serve() -> Iterator[Serve]:
    made: list[Service] = []

    def start(*answers: Any) -> Service:
        made.append(Service(*answers))
        return made[-1]

    yield start
    for service in made:
        service.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(services, "LONGEST_PAUSE_S", 0.02)


def solver(declare: Declare, service: Service, more: str = "", **environ: str) -> DeclaredService:
    (declaration,) = declare(f"""
    [[executor]]
    name = "solve"
    kind = "http"
    url = "{service.url}/jobs?team=a"
    headers = {{X-Team = "design"}}
    bearer = "SOLVER_TOKEN"
    {more}
    [executor.parameters]
    case = {{required = true}}
    """)
    assert isinstance(declaration.how, Declared)
    return DeclaredService(declaration, declaration.how, "http://api", {"SOLVER_TOKEN": "s3cret", **environ})


def test_an_answer_at_once_is_the_result(declare: Declare, serve: Serve, make_work: MakeWork) -> None:
    service = serve((200, {}, {"volume": 3}))
    outcome = run_one(solver(declare, service), make_work("r", {"case": "a"}, attempt=2, fence=4))
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, {"volume": 3})
    assert outcome.usage.wall_s > 0
    ((method, path, headers, body),) = service.asked
    assert (method, path, body) == ("POST", "/jobs?team=a", {"case": "a"})
    said = {name.lower(): value for name, value in headers.items()}
    assert said["authorization"] == "Bearer s3cret"
    assert said["idempotency-key"] == "r.4"
    assert (said["flotilla-run-id"], said["flotilla-run-token"], said["flotilla-attempt"]) == ("r", "run-token", "2")
    assert (said["flotilla-api-url"], said["x-team"], said["content-type"]) == (
        "http://api",
        "design",
        "application/json",
    )


def test_no_content_is_no_result(declare: Declare, serve: Serve, make_work: MakeWork) -> None:
    outcome = run_one(solver(declare, serve((204, {}, b""))), make_work("r", {"case": "a"}))
    assert (outcome.state, outcome.result) == (RunState.SUCCEEDED, None)


def test_what_takes_long_is_asked_for_until_it_is_done(declare: Declare, serve: Serve, make_work: MakeWork) -> None:
    again: Answer = (202, {"Location": "8"}, b"")
    service = serve(ACCEPTED, (202, {}, {"progress": 101}), again, (503, {}, b""), (200, {}, [1]))
    work = make_work("r", {"case": "a"})
    assert run_one(solver(declare, service), work).result == [1]
    paths = ["/jobs?team=a", "/jobs/7", "/jobs/7", "/jobs/8", "/jobs/8"]
    assert service.calls == list(zip(["POST", "GET", "GET", "GET", "GET"], paths, strict=True))
    assert notebook(work).shares == [0.4]
    assert notebook(work).statuses == ["meshing"]
    assert "Authorization" in service.asked[-1][2]


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (
            [(400, {"Content-Type": "application/problem+json"}, {"detail": "no such case"})],
            "answered 400: no such case",
        ),
        ([(500, {}, b"secret traceback")], "answered 500"),
        ([(302, {"Location": "http://169.254.169.254/"}, b"")], "answered 302"),
        ([(202, {}, b"")], "without a Location"),
        ([(202, {"Location": "http://127.0.0.1:1/x"}, b"")], "another host"),
        ([ACCEPTED, (404, {}, b"")], "answered 404"),
        ([ACCEPTED, (503, {}, b"")], "cannot be reached"),
    ],
)
def test_what_goes_wrong_fails_the_run_and_says_how(
    declare: Declare, serve: Serve, make_work: MakeWork, answers: list[Answer], said: str
) -> None:
    outcome = run_one(solver(declare, serve(*answers)), make_work("r", {"case": "a"}))
    assert (outcome.state, code_of(outcome)) in ((RunState.FAILED, "service_failed"),)
    assert said in message_of(outcome)
    assert "secret" not in message_of(outcome)


def test_a_service_that_is_not_there_fails_the_run(declare: Declare, serve: Serve, make_work: MakeWork) -> None:
    service = serve((200, {}, None))
    service.close()
    outcome = run_one(solver(declare, service), make_work("r", {"case": "a"}))
    assert code_of(outcome) == "service_failed"
    assert "127.0.0.1" in message_of(outcome)


def test_a_result_must_be_json_and_may_be_large(declare: Declare, serve: Serve, make_work: MakeWork) -> None:
    outcome = run_one(solver(declare, serve((200, {}, b"<html>"))), make_work("r", {"case": "a"}))
    assert code_of(outcome) == "bad_result"
    outcome = run_one(solver(declare, serve((200, {}, "x" * 300_000))), make_work("r2", {"case": "a"}))
    assert outcome.large is not None
    assert orjson.loads(outcome.large.read_bytes()) == "x" * 300_000


def test_wrong_parameters_are_not_sent(declare: Declare, serve: Serve, make_work: MakeWork) -> None:
    service = serve((200, {}, None))
    assert code_of(run_one(solver(declare, service), make_work("r", {}))) == "bad_parameters"
    assert service.asked == []


@pytest.mark.parametrize("told", [True, False])
def test_a_cancel_ends_it_there_if_the_file_says_so(
    declare: Declare, serve: Serve, make_work: MakeWork, told: bool
) -> None:
    service = serve(ACCEPTED)
    work, outcomes = make_work("r", {"case": "a"}), list[Outcome]()
    executor = solver(declare, service, "cancel = true" if told else "")
    thread = threading.Thread(target=lambda: outcomes.append(run_one(executor, work)))
    thread.start()
    wait_until(lambda: len(service.asked) >= 2)
    work.stop(Why.CANCELED)
    thread.join(5)
    assert outcomes[0].state is RunState.CANCELED
    assert (("DELETE", "/jobs/7") in service.calls) is told


def test_time_over_is_met_while_it_is_silent(declare: Declare, serve: Serve, make_work: MakeWork) -> None:
    silence = threading.Event()
    service = serve(silence, (200, {}, None))
    outcome = run_one(solver(declare, service, "timeout = 1"), make_work("r", {"case": "a"}))
    silence.set()
    assert outcome.state is RunState.TIMED_OUT
    assert "1 s that the executor solve gives" in message_of(outcome)
    assert outcome.usage.wall_s < 4


def test_what_is_told_to_end_before_it_began_does_not_begin(
    declare: Declare, serve: Serve, make_work: MakeWork
) -> None:
    service = serve((200, {}, None))
    work = make_work("r", {"case": "a"})
    work.stop(Why.CANCELED)
    assert run_one(solver(declare, service), work).state is RunState.CANCELED
    assert service.asked == []
