"""The broker is only a doorbell: it is killed, wiped, and gone for a while, and no job is lost or done twice."""

import signal
import time
from collections.abc import Iterator

import pytest

from app.adapters.celery_broker import CeleryBroker
from app.ports.broker import Offer
from app.wire.resources import Resources, Route
from tests.faults.client import TERMINAL, call, command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import PRODUCTION, Fleet, bound

pytestmark = pytest.mark.fault

SHAPE = Resources(cpu_milli=1000, memory_mib=64)


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet_of(nodes=2, cpus=8, memory=4096, durable=True) as made:
        yield made


@pytest.fixture
def fleet(shared: Fleet, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    yield shared
    settle(shared, request)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def timed_submit(fleet: Fleet, name: str) -> float:
    began = time.monotonic()
    fleet.submit([call("one", "noted", ledger=str(fleet.ledger))], name=name)
    return time.monotonic() - began


def test_f6_the_broker_is_killed_and_comes_back(fleet: Fleet, figures: Figures) -> None:
    first = fleet.submit([command(fleet.ledger, f"before-{n}", "ok", 0.05) for n in range(60)], name="f6")
    fleet.running(first, 2)
    fleet.redis.kill()
    slowest = max(timed_submit(fleet, f"f6 meanwhile {n}") for n in range(20))
    fleet.redis.start()
    figures.restart()
    fleet.finish(fleet.submit([command(fleet.ledger, "after", "ok")], name="f6 after"), within_s=bound(10) + 5)
    figures.note(f"slowest submit {slowest * 1000:.0f} ms; dispatch again after {figures.elapsed_s():.2f} s")
    fleet.finish(*fleet.jobs)


def test_f7_the_broker_is_wiped_amid_chords(fleet: Fleet, figures: Figures) -> None:
    def diamond(name: str) -> str:
        parts = [command(fleet.ledger, f"part-{n}", "ok", 0.05, needs=["top"]) for n in range(6)]
        join = command(fleet.ledger, "join", "ok", needs=[f"part-{n}" for n in range(6)])
        return fleet.submit([command(fleet.ledger, "top", "ok"), *parts, join], name=name)

    jobs = [diamond(f"f7-{n}") for n in range(6)]
    for _ in range(4):
        done = sum(fleet.client.job(job)["counts"]["succeeded"] for job in jobs)
        fleet.until(lambda done=done: sum(fleet.client.job(job)["counts"]["succeeded"] for job in jobs) > done, 20)
        fleet.redis.empty()
    figures.restart()
    fleet.finish(*jobs, within_s=60)
    figures.note(f"all ended {figures.elapsed_s():.2f} s after the last of 4 wipes")
    assert {fleet.state(job) for job in jobs} == {"succeeded"}


def test_f8_the_broker_is_away_while_jobs_come_in(fleet: Fleet, figures: Figures) -> None:
    count = 500 if PRODUCTION else 60
    fleet.redis.stop()
    fleet.jobs.clear()
    times = [timed_submit(fleet, f"f8-{n}") for n in range(count)]
    fleet.redis.start()
    figures.restart()
    fleet.finish(*fleet.jobs, within_s=60)
    p99_s = percentile(times, 0.99)
    figures.note(f"{count} submits, p99 {p99_s * 1000:.0f} ms; drained {figures.elapsed_s():.2f} s after the return")
    assert p99_s < 1.0


def test_f15_every_message_comes_three_times(fleet: Fleet) -> None:
    """The messages that stand in the broker are published again, thrice each, while they are being taken."""
    job = fleet.submit([command(fleet.ledger, f"once-{n}", "ok", 0.02) for n in range(60)], name="f15")
    broker = CeleryBroker(fleet.redis.url)
    try:
        while fleet.state(job) not in TERMINAL:
            for task in fleet.client.tasks(job):
                if task["state"] in ("queued", "running", "succeeded"):
                    (run,) = fleet.client.items(f"/v1/tasks/{task['id']}/runs")[-1:] or [None]
                    route = Route(queue="@default", tag="", executor="command", version="", shape=SHAPE)
                    if run is not None:
                        broker.publish([Offer(route=route, run_ids=(run["id"],))] * 2)
    finally:
        broker.close()
    fleet.finish(job)
    starts = [entry["run"] for entry in fleet.entries() if entry["event"] == "start" and entry["job"] == job]
    assert len(starts) == len(set(starts)) == 60


def test_f8_the_broker_hangs(fleet: Fleet, figures: Figures) -> None:
    """It takes connections and answers nothing: worse than one that is gone."""
    fleet.redis.send(signal.SIGSTOP)
    times = [timed_submit(fleet, f"f8-hang-{n}") for n in range(20)]
    fleet.redis.send(signal.SIGCONT)
    figures.restart()
    fleet.finish(*fleet.jobs[-20:], within_s=bound(10) + 10)
    figures.note(
        f"submit: median {percentile(times, 0.5) * 1000:.0f} ms, slowest {max(times):.2f} s; "
        f"dispatch again after {figures.elapsed_s():.2f} s"
    )
    assert percentile(times, 0.5) < 0.5
