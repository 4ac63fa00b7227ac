"""A slot works on an offer to its end, whatever the executor and the API do."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.wire.resources import NOTHING, Resources
from app.wire.states import RunState
from tests.worker.fake_api import SMALL, FakeApi
from worker import slot
from worker.api_client import Api, Clock
from worker.outcome import Finished, Outcome, Why, Work
from worker.report import Reporter
from worker.slot import Slots
from worker.stage.cache import Cache
from worker.stage.rules import Rules
from worker.stage.staging import Staging


class Echo:
    """Ends each run with its payload; `break` breaks the executor, the large result of `lose` is not there."""

    name = "echo"
    running = 0

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        self.running += 1
        try:
            for work in works:
                yield None
                if work.spec.payload == "break":
                    raise RuntimeError("broken")
                large = work.folder if work.spec.payload == "lose" else None
                work.journal.begin(1.0)
                yield work, Outcome(state=RunState.SUCCEEDED, ended=2.0, result=work.spec.payload, large=large)
        finally:
            self.running -= 1

    def trim(self, now: float) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def slots(api: FakeApi, tmp_path: Path) -> Iterator[Slots]:
    client = Api(api.url, "token")
    client.named("node")
    reporter = Reporter(
        api=client,
        folder=tmp_path,
        free=lambda: NOTHING,
        on_stale=lambda run_id: made.stop(run_id, Why.STALE),
        on_handoff=lambda runs, clock: made.decline(runs, clock),
    )
    made = Slots(
        api=client,
        reporter=reporter,
        executors={"echo": Echo()},
        staging=Staging.of(Rules(server_url=api.url), Cache(tmp_path / "cache", 1 << 20)),
        scratch=tmp_path,
        handoff=True,
        free=lambda: NOTHING,
        on_stranger=lambda: None,
    )
    yield made
    reporter.close()


def test_a_bundle_and_what_follows_from_it_is_run(slots: Slots, api: FakeApi) -> None:
    for n in range(6):
        api.add(f"r{n}", n, executor="echo")
    api.next_runs = ["r3", "r4", "r5"]
    slots.serve(["r0", "r1", "r2"], SMALL)
    assert [api.endings[f"r{n}"].result for n in range(6)] == list(range(6))
    assert [api.ending_reports[f"r{n}"].takes > 0 for n in range(3)] == [False, False, True]
    assert slots.held() == ()


def test_what_follows_a_run_begins_when_that_has_succeeded(slots: Slots, api: FakeApi) -> None:
    api.add("a", 1, executor="echo")
    api.add("b", 2, executor="echo", follows="a")
    api.add("c", "break", executor="echo", follows="b")
    api.add("d", 4, executor="echo", follows="c")
    api.add("e", 5, executor="echo", follows="d")
    api.add("f", 6, executor="echo", follows="of another slot")
    api.next_runs = []
    slots.serve(["a", "b", "c", "d", "e", "f"], SMALL)
    assert [api.endings[name].result for name in "ab"] == [1, 2]
    assert api.endings["c"].state is RunState.FAILED
    assert [(api.endings[name].state, api.endings[name].released) for name in "def"] == [(RunState.LOST, True)] * 3
    assert [api.ending_reports[name].takes > 0 for name in "abcdef"] == [False] * 5 + [True]


def test_a_line_that_is_not_quick_goes_back(slots: Slots, api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "LINE_S", -1.0)
    api.add("a", 1, executor="echo")
    api.add("b", 2, executor="echo", follows="a")
    api.add("c", 3, executor="echo", follows="b")
    slots.serve(["a", "b", "c"], SMALL)
    assert api.endings["a"].state is RunState.SUCCEEDED
    assert [(api.endings[name].state, api.endings[name].released) for name in "bc"] == [(RunState.LOST, True)] * 2


def test_an_offer_that_somebody_else_has_is_left(slots: Slots, api: FakeApi) -> None:
    slots.serve(["unknown"], SMALL)
    assert api.calls == ["claims"]


def test_an_executor_that_this_node_lacks_fails_the_run_and_names_those_it_has(slots: Slots, api: FakeApi) -> None:
    api.add("r", None, executor="quantum")
    slots.serve(["r"], SMALL)
    failure = api.endings["r"].failure
    assert failure is not None
    assert failure.code == "unknown_executor"
    assert "'quantum'" in failure.message
    assert "echo" in failure.message


def test_a_run_that_is_larger_than_its_charge_goes_back(slots: Slots, api: FakeApi) -> None:
    api.add("r", 1, executor="echo", shape=Resources(cpu_milli=1001, memory_mib=64))
    slots.serve(["r"], SMALL)
    assert api.endings["r"].state is RunState.LOST
    assert api.endings["r"].released


def test_a_bug_in_an_executor_costs_one_run(slots: Slots, api: FakeApi) -> None:
    for run_id, payload in (("a", 1), ("b", "break"), ("c", 3)):
        api.add(run_id, payload, executor="echo")
    slots.serve(["a", "b", "c"], SMALL)
    assert api.endings["a"].state is RunState.SUCCEEDED
    assert api.endings["b"].failure is not None
    assert api.endings["b"].failure.code == "node_error"
    assert api.endings["c"].released


def test_nothing_runs_any_more_when_what_was_behind_a_bug_goes_back(
    slots: Slots, api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = Echo()
    slots.executors = {"echo": echo}
    running: list[int] = []
    give_back = slot._given_back
    monkeypatch.setattr(slot, "_given_back", lambda *said: (running.append(echo.running), give_back(*said))[1])
    for run_id, payload in (("a", "lose"), ("b", 2)):
        api.add(run_id, payload, executor="echo")
    slots.serve(["a", "b"], SMALL)
    assert api.endings["a"].state is RunState.FAILED
    assert api.endings["b"].released
    assert running == [0]


def test_runs_that_came_for_nobody_go_back(slots: Slots, api: FakeApi) -> None:
    spec = api.add("r", 1, executor="echo")
    slots.decline((spec,), Clock(now_us=1, received=0.0))
    slots.reporter.push()
    assert api.endings["r"].released


def test_a_node_that_stops_claims_nothing_more(slots: Slots, api: FakeApi) -> None:
    api.add("r", 1, executor="echo")
    slots.give_back()
    slots.serve(["r"], SMALL)
    assert api.calls == []
