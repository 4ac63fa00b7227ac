"""Reports arrive once the API is there: batched, in order, after an outage and after a restart."""

import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from app.wire.claim import RunSpec
from app.wire.resources import NOTHING
from app.wire.states import RunState
from app.wire.usage import Usage
from tests.wait import wait_until
from tests.worker.fake_api import FakeApi, make_spec, now_us
from worker.api_client import Api, Clock
from worker.outcome import Outcome
from worker.report import Reporter, thinned


class Bench:
    """A reporter with its API, and what it called back."""

    def __init__(self, api: FakeApi, folder: Path) -> None:
        self.fake = api
        self.stale: list[str] = []
        self.handed: list[str] = []
        self.client = Api(api.url, "token")
        self.client.named("node")
        self.folder = folder
        self.clock = Clock(now_us=now_us(), received=0.0)
        self.reporter = self.make()

    def make(self, outbox_bytes: int = 1 << 20) -> Reporter:
        return Reporter(
            api=self.client,
            folder=self.folder,
            free=lambda: NOTHING,
            on_stale=self.stale.append,
            on_handoff=lambda runs, clock: self.handed.extend(run.run_id for run in runs),
            outbox_bytes=outbox_bytes,
        )

    def end(self, run_id: str, takes: int = 0) -> tuple[RunSpec, ...]:
        journal = self.reporter.open(make_spec(run_id, None), self.clock)
        journal.begin(1.0)
        self.reporter.finish(journal, SUCCESS, takes=takes, wanted=True)
        settled = self.reporter.settle(run_id)
        return settled.runs if settled else ()


SUCCESS = Outcome(state=RunState.SUCCEEDED, ended=2.0, result={"x": 1})


@pytest.fixture
def bench(api: FakeApi, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(api, tmp_path)
    yield made
    made.reporter.close()


def spool(bench: Bench) -> bytes:
    return (bench.folder / "spool.jsonl").read_bytes()


def test_an_ending_arrives_with_all_that_was_still_to_be_said(bench: Bench) -> None:
    journal = bench.reporter.open(make_spec("r", None), bench.clock)
    journal.begin(1.0)
    journal.line(1.5, "stdout", "info", "hello")
    journal.progress(0.5)
    journal.progress(0.4)
    journal.sample(1.6, Usage(wall_s=0.6))
    bench.reporter.finish(journal, SUCCESS, wanted=True)
    bench.reporter.settle("r")
    (report,) = bench.fake.reports
    assert report.progress == 0.5
    assert [line.text for line in report.lines] == ["hello"]
    assert report.started_at_us == bench.clock.now_us + 1_000_000
    assert report.ending is not None
    assert report.ending.at_us == bench.clock.now_us + 2_000_000
    assert report.ending.result == {"x": 1}
    assert spool(bench) == b""


def test_what_is_new_is_sent_while_it_runs_with_growing_sequence(bench: Bench) -> None:
    journal = bench.reporter.open(make_spec("r", None), bench.clock)
    journal.begin(1.0)
    bench.reporter.step()
    bench.reporter.step()
    journal.line(1.5, "stdout", "info", "one")
    bench.reporter.step()
    journal.status("two")
    bench.reporter.step()
    assert [report.sequence for report in bench.fake.reports] == [1, 2, 3]
    assert bench.fake.reports[2].status_text == "two"


def test_an_ending_s_answer_brings_the_next_runs(bench: Bench) -> None:
    bench.fake.add("next", None)
    bench.fake.next_runs = ["next"]
    assert [run.run_id for run in bench.end("r", takes=4)] == ["next"]


def test_endings_in_quick_succession_share_requests(bench: Bench) -> None:
    """The first is sent by the slot, those that come soon after it by the background thread, together."""
    background = threading.Thread(target=bench.reporter.flush_for_ever, daemon=True)
    background.start()
    for number in range(20):
        journal = bench.reporter.open(make_spec(f"r{number}", None), bench.clock)
        journal.begin(1.0)
        bench.reporter.finish(journal, SUCCESS)
        bench.reporter.push()
    wait_until(lambda: len(bench.fake.endings) == 20, 10, lambda: str(sorted(bench.fake.endings)))
    bench.reporter.close()
    background.join()
    assert [report.run_id for report in bench.fake.reports] == [f"r{number}" for number in range(20)]
    assert 0 < bench.fake.calls.count("reports") < 20


def test_next_runs_for_nobody_are_given_to_the_handler(bench: Bench) -> None:
    bench.fake.add("next", None)
    bench.fake.next_runs = ["next"]
    journal = bench.reporter.open(make_spec("r", None), bench.clock)
    bench.reporter.finish(journal, SUCCESS, takes=1)
    bench.reporter.push()
    assert bench.handed == ["next"]


def test_slots_that_end_together_share_requests(bench: Bench) -> None:
    threads = [threading.Thread(target=bench.end, args=(f"r{n}",)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(bench.fake.endings) == 40
    assert bench.fake.calls.count("reports") < 40


@pytest.mark.parametrize("status", [503, 500, 401])
def test_an_outage_delays_endings_and_loses_none(bench: Bench, status: int) -> None:
    bench.fake.failing = status
    threads = [threading.Thread(target=bench.end, args=(f"r{n}",)) for n in range(5)]
    for thread in threads:
        thread.start()
    wait_until(lambda: spool(bench).count(b"\n") == 5)
    wait_until(lambda: bench.fake.calls)
    assert bench.fake.endings == {}
    bench.fake.failing = None
    for thread in threads:
        thread.join(10)
    assert len(bench.fake.endings) == 5
    wait_until(lambda: spool(bench) == b"")


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_report(bench: Bench) -> None:
    bench.fake.drop_after_commit = 1
    bench.end("r")
    assert [(report.run_id, report.sequence) for report in bench.fake.reports] == [("r", 1), ("r", 1)]


def test_leftovers_of_a_former_life_are_sent_without_asking_for_more(bench: Bench) -> None:
    bench.fake.failing = 503
    journal = bench.reporter.open(make_spec("r", None), bench.clock)
    bench.reporter.finish(journal, SUCCESS, takes=64)
    bench.reporter.close()
    (bench.folder / "spool.jsonl").open("ab").write(b'{"cut by the cra')
    bench.fake.failing = None
    second = bench.make()
    assert second.waiting == 1
    second.send_left(5.0)
    assert bench.fake.ending_reports["r"].takes == 0
    assert spool(bench) == b""


def test_a_stale_run_is_dropped_and_its_slot_told(bench: Bench) -> None:
    bench.fake.stale = {"r"}
    journal = bench.reporter.open(make_spec("r", None), bench.clock)
    journal.line(1.0, "stdout", "info", "x")
    bench.reporter.step()
    assert bench.stale == ["r"]
    journal.line(1.0, "stdout", "info", "y")
    bench.reporter.finish(journal, SUCCESS, wanted=True)
    assert bench.reporter.settle("r") is None
    assert bench.fake.calls == ["reports"]


def test_a_refused_report_does_not_hold_up_the_others(bench: Bench) -> None:
    stock = bench.fake._reports

    def picky(node: str, body: dict[str, list[dict[str, object]]]) -> object:
        bad = any(report["runId"] == "bad" for report in body["reports"])
        return (400, {"title": "bad"}) if bad else stock(node, body)

    bench.fake._reports = picky  # type: ignore[method-assign, assignment]
    for run_id in ("good", "bad", "better"):
        journal = bench.reporter.open(make_spec(run_id, None), bench.clock)
        bench.reporter.finish(journal, SUCCESS)
    bench.reporter.push()
    assert set(bench.fake.endings) == {"good", "better"}
    assert bench.reporter.waiting == 0


def test_a_long_outage_thins_what_can_be_missed_and_never_an_ending(bench: Bench) -> None:
    bench.fake.failing = 503
    reporter = bench.reporter = bench.make(outbox_bytes=20_000)
    for n in range(100):
        journal = reporter.open(make_spec(f"r{n}", None), bench.clock)
        for line in range(20):
            journal.line(1.0, "stdout", "info", f"{line} " + "x" * 100)
        journal.progress(0.5)
        reporter.tell(journal)
        reporter.finish(journal, SUCCESS)
    assert len(spool(bench)) < 100_000
    bench.fake.failing = None
    reporter.send_left(5.0)
    assert len(bench.fake.endings) == 100
    texts = [line.text for report in bench.fake.reports for line in report.lines]
    assert any("lines dropped" in text for text in texts)


def test_a_log_that_comes_fast_is_cut_into_several_reports(bench: Bench) -> None:
    journal = bench.reporter.open(make_spec("r", None), bench.clock)
    for _ in range(100):
        journal.line(1.0, "stdout", "info", "x" * 10_000)
    bench.reporter.finish(journal, SUCCESS, wanted=True)
    bench.reporter.settle("r")
    assert len(bench.fake.reports) > 3
    assert sum(len(report.lines) for report in bench.fake.reports) == 100


def test_thinning_keeps_the_ending_and_the_last_figures() -> None:
    report = {
        "runId": "r",
        "samples": [1],
        "progress": 0.5,
        "usage": {"a": 1},
        "ending": {},
        "lines": [[1, 2, "", "", ""]],
    }
    kept = orjson.loads(thinned(orjson.dumps(report), without_lines=True))
    assert kept == {"runId": "r", "usage": {"a": 1}, "ending": {}, "lines": [[1, 2, "", "", ""]]}


def test_a_report_that_breaks_the_api_holds_up_no_other(bench: Bench) -> None:
    bench.fake.breaks_on = {"bad"}
    for run_id in ("before", "bad", "after"):
        journal = bench.reporter.open(make_spec(run_id, None), bench.clock)
        bench.reporter.finish(journal, SUCCESS)
    wait_until(lambda: bench.reporter.step() or set(bench.fake.endings) == {"before", "after"}, 20)
    assert bench.reporter.waiting == 1, "it is kept, for an API that is mended"
    bench.fake.breaks_on = set()
    wait_until(lambda: bench.reporter.step() or "bad" in bench.fake.endings, 20)
    assert spool(bench) == b""
