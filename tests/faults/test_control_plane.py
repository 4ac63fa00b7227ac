"""The database, the API and the engines are killed, stopped and frozen; nodes work on, and nothing happens twice."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import urllib3
from sqlalchemy import create_engine, text

from tests.faults.client import TERMINAL, ApiError, Client, command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import CLOCKWORK, PRODUCTION, Fleet, bound
from tests.faults.process import Process
from tests.wait import wait_until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet_of(nodes=2, webs=2, engines=2, postgres=True, cpus=16, memory=4096, clocks=True) as made:
        yield made


@pytest.fixture
def fleet(shared: Fleet, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    yield shared
    settle(shared, request)


def passed(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, seconds + 5)


def leader(fleet: Fleet) -> Process | None:
    """The engine that holds the lease, unless the lease is over."""
    engine = create_engine(fleet.database_url)
    try:
        with engine.connect() as connection:
            row = connection.execute(text("SELECT holder, until_us FROM leases WHERE name = 'engine'")).first()
    finally:
        engine.dispose()
    if row is None or row.until_us < time.time_ns() // 1000:
        return None
    pid = int(row.holder.split("/")[1])
    return next((each for each in fleet.engines if each.pid == pid and each.alive and not each.stopped), None)


def answer(client: Client, method: str, path: str, body: object = None) -> tuple[int, float]:
    """The status, and how long it took; 0 for none."""
    began = time.monotonic()
    try:
        client.ask(method, path, body)
    except ApiError as refused:
        return refused.status, time.monotonic() - began
    except urllib3.exceptions.HTTPError:
        return 0, time.monotonic() - began
    return 200, time.monotonic() - began


def test_f9_the_database_is_stopped_at_once_and_comes_back(fleet: Fleet, figures: Figures) -> None:
    ends, stays = fleet.gate("f9-ends"), fleet.gate("f9-stays")
    job = fleet.submit(
        [command(fleet.ledger, f"ends-{n}", "hold", ends) for n in range(4)]
        + [command(fleet.ledger, f"stays-{n}", "hold", stays) for n in range(4)],
        name="f9",
    )
    runs = {run["id"] for run in fleet.running(job, 8)}
    assert fleet.postgres
    fleet.postgres.stop_at_once()
    ends.touch()
    statuses: set[int] = set()
    until = time.monotonic() + (30 if PRODUCTION else 1.5 * CLOCKWORK.lease_s)
    while time.monotonic() < until:
        for client in fleet.clients:
            statuses.add(answer(client, "GET", f"/v1/jobs/{job}")[0])
            task = {"name": "t", "executor": "python", "payload": {"callable": "noop"}}
            statuses.add(answer(client, "POST", "/v1/queues/@default/jobs", {"name": "no", "tasks": [task]})[0])
    assert statuses == {503}
    assert len(fleet.survivors(runs)) >= 4, "running work lives"
    fleet.postgres.start()
    figures.restart()
    fleet.until(lambda: fleet.ready() and fleet.client.job(job)["counts"]["succeeded"] == 4, bound(15) + 2)
    figures.note(f"kept reports were in {figures.elapsed_s():.2f} s after the return; answers meanwhile: {statuses}")
    passed(CLOCKWORK.lease_s + 2 * CLOCKWORK.sweep_s)
    stays.touch()
    fleet.finish(job)
    assert [(run["number"], run["state"]) for run in fleet.client.runs(job)] == [(1, "succeeded")] * 8


def test_f11_the_leading_engine_is_killed(fleet: Fleet, figures: Figures) -> None:
    jobs = []
    for turn in range(3):
        names = [f"part-{n}" for n in range(10)]
        jobs.append(
            fleet.submit(
                [command(fleet.ledger, name, "ok", 0.1) for name in names]
                + [command(fleet.ledger, "join", "ok", needs=names)],
                name=f"f11-{turn}",
            )
        )
        first: Process = fleet.until(lambda: leader(fleet), bound(10))
        figures.restart()
        first.kill()
        second: Process = fleet.until(lambda: leader(fleet), bound(10))
        figures.note(f"a new leader after {figures.elapsed_s():.2f} s")
        assert second is not first
        known = len(first.log.read_text())
        first.start()
        fleet.until(lambda engine=first, known=known: '"started"' in engine.log.read_text()[known:], 30)
    fleet.finish(*jobs)
    assert {fleet.state(job) for job in jobs} == {"succeeded"}


def test_f29_two_engines_both_believe_that_they_lead(fleet: Fleet, figures: Figures) -> None:
    victim = fleet.nodes[0]
    jobs = [fleet.submit([command(fleet.ledger, f"t-{n}", "ok", 0.3) for n in range(40)], name="f29")]
    first: Process = fleet.until(lambda: leader(fleet), bound(10))
    first.send(signal.SIGSTOP)
    second: Process = fleet.until(lambda: leader(fleet), bound(10))
    assert second is not first
    victim.kill_tree()
    fleet.redis.empty()
    for _ in range(4):
        first.send(signal.SIGCONT)
        passed(0.3)
        first.send(signal.SIGSTOP)
        passed(CLOCKWORK.leader_lease_s)
    first.send(signal.SIGCONT)
    victim.start()
    fleet.finish(*jobs)
    assert {fleet.state(job) for job in jobs} == {"succeeded"}


def test_f22_parents_of_one_join_report_at_the_same_instant(fleet: Fleet, figures: Figures) -> None:
    width = 100 if PRODUCTION else 24
    for turn in range(3):
        open_ = fleet.gate(f"f22-{turn}")
        names = [f"parent-{n}" for n in range(width)]
        job = fleet.submit(
            [command(fleet.ledger, name, "hold", open_) for name in names]
            + [command(fleet.ledger, f"join-{n}", "ok", needs=names) for n in range(2)],
            name=f"f22-{turn}",
        )
        fleet.running(job, width, within_s=60)
        open_.touch()
        figures.restart()
        fleet.finish(job)
        figures.note(f"{width} parents and both bodies done {figures.elapsed_s():.2f} s later")
        assert fleet.state(job) == "succeeded"
        assert len(fleet.client.runs(job)) == width + 2
    for node in fleet.nodes:
        log = node.log.read_text()
        assert "answered 500" not in log
        assert "deadlock" not in log


def test_f21_cancels_while_runs_are_finishing(fleet: Fleet, figures: Figures) -> None:
    count = 1000 if PRODUCTION else 120
    chance = random.Random(21)
    moments = [chance.uniform(0, 4) for _ in range(count)]
    refused: list[int] = []
    lock = threading.Lock()

    def one(number: int) -> None:
        client = fleet.clients[number % len(fleet.clients)]
        tasks = [command(fleet.ledger, "a", "ok", round(moments[number] / 20, 3))]
        tasks.append(command(fleet.ledger, "b", "ok", needs=["a"]))
        job_id = client.submit(tasks, name=f"f21-{number}")
        with lock:
            fleet.jobs.append(job_id)
        if number % 2:
            wait_until(lambda: client.job(job_id)["startedAt"], 30, dump=fleet.dump)
        passed(moments[number] / 8)
        try:
            client.post(f"/v1/jobs/{job_id}/cancel")
        except ApiError as error:
            with lock:
                refused.append(error.status)
        else:
            with lock:
                fleet.canceled[job_id] = time.time_ns() // 1000

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(count)))
    figures.restart()
    fleet.finish(*fleet.jobs[-count:])
    assert set(refused) <= {409}
    assert len(set(fleet.jobs)) == len(fleet.jobs), "every submit is answered with its own job"
    accepted = count - len(refused)
    figures.note(
        f"{accepted} of {count} cancels accepted, the rest had ended; all over {figures.elapsed_s():.2f} s later"
    )
    fleet.until(lambda: not fleet.survivors(), 5)


def test_f12_cancel_ends_a_stubborn_tree(fleet: Fleet, figures: Figures) -> None:
    job = fleet.submit([command(fleet.ledger, f"stubborn-{n}", "stubborn") for n in range(4)], name="cancel")
    runs = {run["id"] for run in fleet.running(job, 4)}
    figures.restart()
    fleet.cancel(job)
    fleet.until(lambda: not fleet.survivors(runs), 5)
    figures.note(f"trees that ignore SIGTERM were gone {figures.elapsed_s():.2f} s after the answer")
    fleet.finish(job, within_s=5)
    assert fleet.state(job) == "canceled"


def test_f10_the_api_is_killed_during_submits(fleet: Fleet, figures: Figures) -> None:
    kills = 200 if PRODUCTION else 6
    stop = threading.Event()
    made: dict[str, str] = {}
    chance = random.Random(10)

    def submits(who: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name = f"f10-{who}-{number}"
            tasks = [command(fleet.ledger, f"t{n}", "ok", needs=[f"t{n - 1}"] if n else []) for n in range(2)]
            job_id = ""
            while not job_id:
                with suppress(urllib3.exceptions.HTTPError, ApiError):
                    job_id = fleet.clients[0].submit(tasks, name=name, key=name)
            made[name] = job_id

    with ThreadPoolExecutor(3) as pool:
        threads = [pool.submit(submits, who) for who in range(3)]
        for _ in range(kills):
            passed(chance.uniform(0.02, 0.2))
            fleet.webs[0].kill()
            fleet.webs[0].start()
            fleet.until(lambda: answer(fleet.clients[0], "GET", "/healthz")[0] == 200, 20)
        stop.set()
        for each in threads:
            each.result(60)
    fleet.jobs += made.values()
    fleet.finish(*made.values(), within_s=90)
    named: dict[str, list[str]] = {}
    for job in fleet.clients[1].items("/v1/jobs"):
        if job["name"].startswith("f10-"):
            named.setdefault(job["name"], []).append(job["id"])
    assert named == {name: [job_id] for name, job_id in made.items()}, "each key made exactly one job"
    figures.note(f"{kills} kills, {len(made)} jobs, each once")


def test_f16_clocks_are_wrong_and_are_stepped(fleet: Fleet, figures: Figures) -> None:
    """Those of nodes by an hour either way, those of the web and the engine stepped while they run."""
    for node, shift_s in zip(fleet.nodes, (3600, -3600), strict=True):
        fleet.clock(node.name).write_text(str(shift_s))
    open_ = fleet.gate("f16")
    job = fleet.submit(
        [command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(8)]
        + [command(fleet.ledger, "after", "ok", 0.1, needs=["held-0"])],
        name="f16",
    )
    fleet.running(job, 8)
    for web, shift_s in zip(fleet.webs, (600, -600), strict=True):
        fleet.clock(web.name).write_text(str(shift_s))
    for engine, shift_s in zip(fleet.engines, (-600, 600), strict=True):
        fleet.clock(engine.name).write_text(str(shift_s))
    passed(2 * CLOCKWORK.lease_s)
    seen = fleet.client.nodes()
    for node, shift_s in zip(fleet.nodes, (3600, -3600), strict=True):
        assert abs(seen[node.name]["clockSkewSeconds"] - shift_s) < 2
        assert "set it by NTP" in seen[node.name]["warnings"][0]
    open_.touch()
    fleet.finish(job)
    runs = fleet.client.runs(job)
    assert [(run["number"], run["state"]) for run in runs] == [(1, "succeeded")] * 9
    assert all(run["startedAt"] <= run["finishedAt"] for run in runs)
    walls = [run["usage"]["wallSeconds"] for run in runs]
    assert 0 <= min(walls) <= max(walls) <= 60
    figures.note(f"no early expiry; durations from {min(walls):.2f} to {max(walls):.2f} s")
    for each in fleet.processes:
        fleet.clock(each.name).unlink(missing_ok=True)


def test_f20_every_component_is_restarted_in_turn(fleet: Fleet, figures: Figures) -> None:
    def job(number: int) -> str:
        names = [f"a-{n}" for n in range(8)]
        tasks = [command(fleet.ledger, name, "ok", 0.2) for name in names]
        return fleet.submit([*tasks, command(fleet.ledger, "end", "ok", needs=names)], name=f"f20-{number}")

    jobs = [job(0)]
    for each in [*fleet.nodes, *fleet.webs[1:], *fleet.engines]:
        jobs.append(job(len(jobs)))
        assert each.end() == 0, f"{each.name} did not end by itself"
        jobs.append(job(len(jobs)))
        each.start()
        fleet.until(fleet.ready, 30)
    fleet.finish(*jobs)
    assert {fleet.state(job_id) for job_id in jobs} == {"succeeded"}
    figures.note(f"{9 * len(jobs)} tasks through {len(fleet.processes) - 1} restarts in {figures.elapsed_s():.1f} s")


def test_f28_the_api_is_away_while_the_engine_lives(fleet: Fleet, figures: Figures) -> None:
    open_ = fleet.gate("f28")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(6)], name="f28")
    fleet.running(job, 6)
    for web in fleet.webs:
        web.kill()
    passed(3 * CLOCKWORK.lease_s)
    for web in fleet.webs:
        web.start()
    figures.restart()
    fleet.until(fleet.ready, 30)
    figures.note(f"all nodes online {figures.elapsed_s():.2f} s after the start of the API")
    passed(CLOCKWORK.lease_s + 2 * CLOCKWORK.sweep_s)
    open_.touch()
    fleet.finish(job)
    assert [(run["number"], run["state"]) for run in fleet.client.runs(job)] == [(1, "succeeded")] * 6


def test_everything_is_killed_and_started_again(fleet: Fleet, figures: Figures) -> None:
    jobs = [
        fleet.submit(
            [command(fleet.ledger, f"a-{n}", "ok", 0.2) for n in range(20)]
            + [command(fleet.ledger, "end", "ok", needs=[f"a-{n}" for n in range(20)])],
            name=f"all-{m}",
        )
        for m in range(4)
    ]
    fleet.running(jobs[0], 2)
    for each in fleet.processes:
        each.send(signal.SIGKILL)
    for each in fleet.processes:
        each.kill()
    fleet.redis.kill()
    assert fleet.postgres
    fleet.postgres.kill()
    figures.restart()
    fleet.start()
    fleet.finish(*jobs, within_s=60)
    figures.note(f"every accepted job ended {figures.elapsed_s():.2f} s after the start")
    assert {fleet.state(job) for job in jobs} == {"succeeded"}
    assert all(fleet.state(job) in TERMINAL for job in jobs)
