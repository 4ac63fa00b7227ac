"""A whole node, as a process of its own, between a real broker and a fake API: what it promises to both."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.wire.resources import Resources
from app.wire.states import RunState
from tests.servers import RedisServer
from tests.wait import wait_until
from tests.worker.conftest import living
from tests.worker.fake_api import Bell, FakeApi, route_of
from tests.worker.nodes import ROOT, Fleet

TWO_CORES = Resources(cpu_milli=2000, memory_mib=64)


def shell(text: str) -> dict[str, object]:
    return {"argv": ["sh", "-c", text]}


def test_offers_are_run_and_their_results_come_back(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    fleet.bell.ring([api.add("c", shell("echo hello; echo '[1]' > $FLOTILLA_RESULT"))])
    fleet.bell.ring([api.add("p", {"callable": "noop"}, executor="python")])
    fleet.ended("c", "p")
    assert api.endings["c"].result == [1]
    assert api.lines("c") == ["hello"]
    assert fleet.state("p") is RunState.SUCCEEDED
    registration = next(iter(api.nodes.values()))
    assert registration.executors == ("command", "python")
    assert registration.total == Resources(cpu_milli=2000, memory_mib=1024)


def test_a_bundle_is_run_whole(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    specs = [api.add(f"b{n}", {"callable": "noop"}, executor="python") for n in range(64)]
    fleet.bell.ring(specs, bundle=64)
    fleet.ended(*(spec.run_id for spec in specs))
    assert api.calls.count("claims") == 1


def test_two_nodes_share_and_neither_is_over_committed(fleet: Fleet, api: FakeApi) -> None:
    for name in ("one", "two"):
        fleet.start(name, FLOTILLA_HANDOFF="0")
    sizes = [1000, 500, 2000, 1500]
    specs = [
        api.add(f"r{n}", shell("sleep 0.05"), shape=Resources(cpu_milli=sizes[n % 4], memory_mib=64 + n % 3 * 200))
        for n in range(60)
    ]
    fleet.bell.ring(specs)
    fleet.ended(*(spec.run_id for spec in specs), within_s=40)
    nodes = set(api.owner.values())
    assert len(nodes) == 2
    for node in nodes:
        mine = [spec for spec in specs if api.owner[spec.run_id] == node]
        assert len(mine) >= 10
        for moment in (api.started_us[spec.run_id] for spec in mine):
            now = [s for s in mine if api.started_us[s.run_id] <= moment < api.endings[s.run_id].at_us]
            assert sum(spec.shape.cpu_milli for spec in now) <= 2000
            assert sum(spec.shape.memory_mib for spec in now) <= 1024


def test_a_large_shape_starts_as_soon_as_there_is_room(fleet: Fleet, api: FakeApi) -> None:
    fleet.start(FLOTILLA_HANDOFF="0")
    small = api.add("small", shell("sleep 1"))
    fleet.bell.ring([small])
    wait_until(lambda: "small" in api.owner, 10, dump=fleet.logs)
    large = api.add("large", shell("true"), shape=TWO_CORES)
    fleet.bell.add_consumer(route_of(large).key)
    fleet.bell.ring([large])
    fleet.ended("small", "large")
    waited_us = api.started_us["large"] - api.endings["small"].at_us
    assert 0 <= waited_us < 100_000


def test_a_new_route_is_served_at_once_when_the_api_announces_it(fleet: Fleet, api: FakeApi) -> None:
    fleet.start(FLOTILLA_CLOCKWORK="production")
    spec = api.add("r", {"callable": "noop"}, executor="python")
    fleet.bell.add_consumer(route_of(spec).key)
    fleet.bell.ring([spec])
    fleet.ended("r", within_s=3)


def test_an_announced_route_stays_known_when_the_api_lists_others(fleet: Fleet, api: FakeApi) -> None:
    first, second = (api.add(name, {"callable": "noop"}, executor="python") for name in ("first", "second"))
    api.queues.clear()
    fleet.start(FLOTILLA_CLOCKWORK="production")
    fleet.bell.ring([first])

    def announced() -> bool:
        fleet.bell.add_consumer(route_of(first).key)
        return "first" in api.endings

    wait_until(announced, 15, dump=fleet.logs)
    other = api.add("other", shell("true"), shape=TWO_CORES)
    api.queues = {route_of(other).key}
    fleet.bell.beat()
    fleet.bell.ring([other])
    fleet.ended("other")
    fleet.bell.ring([second])
    fleet.ended("second", within_s=3)


def test_a_large_shape_does_not_starve_behind_small_ones(fleet: Fleet, api: FakeApi) -> None:
    fleet.start(FLOTILLA_HANDOFF="0")
    small = [api.add(f"s{n}", shell("sleep 0.25")) for n in range(60)]
    fleet.bell.ring(small)
    wait_until(lambda: len(api.owner) >= 2, 10, dump=fleet.logs)
    large = api.add("large", shell("true"), shape=TWO_CORES)
    fleet.bell.ring([large])
    fleet.ended("large", within_s=6)
    assert len(api.endings) < 50


def test_flower_s_events_can_be_had(fleet: Fleet, api: FakeApi) -> None:
    fleet.start(FLOTILLA_EVENTS="1")
    fleet.bell.ring([api.add("r", shell("true")), api.add("s", {"callable": "noop"}, executor="python")])
    fleet.ended("r", "s")


def test_a_node_idles_cheaply(fleet: Fleet, api: FakeApi) -> None:
    node = psutil.Process(fleet.start(FLOTILLA_CLOCKWORK="production").pid)
    beats = len(api.beats)
    wait_until(lambda: len(api.beats) > beats, 15, dump=fleet.logs)
    before, at = sum(node.cpu_times()[:2]), len(api.beats)
    wait_until(lambda: len(api.beats) > at, 15, dump=fleet.logs)
    assert sum(node.cpu_times()[:2]) - before < 0.15
    family = [node, *node.children(recursive=True)]
    assert sum(process.memory_full_info().pss for process in family) < 90 << 20


def test_the_next_run_comes_with_the_report_of_the_last(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    specs = [api.add(f"h{n}", {"callable": "noop"}, executor="python") for n in range(100)]
    api.next_runs = [spec.run_id for spec in specs[1:]]
    fleet.bell.ring(specs[:1])
    fleet.ended(*(spec.run_id for spec in specs))
    assert api.calls.count("claims") == 1
    starts = [api.started_us[spec.run_id] for spec in specs]
    assert starts == sorted(starts)


def test_without_hand_off_nothing_is_asked_for(fleet: Fleet, api: FakeApi) -> None:
    fleet.start(FLOTILLA_HANDOFF="0")
    fleet.bell.ring([api.add("r", shell("true"))])
    fleet.ended("r")
    assert api.ending_reports["r"].takes == 0


def test_a_claim_whose_answer_was_lost_is_repeated_with_the_same_id(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    api.drop_after_commit = 1
    fleet.bell.ring([api.add("r", shell("true"))])
    fleet.ended("r")
    assert len(api.claims) == 1


def test_an_offer_that_comes_twice_runs_once(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    spec = api.add("r", shell("sleep 0.2"))
    last = api.add("last", shell("true"))
    fleet.bell.ring([spec, spec, spec, last])
    fleet.ended("r", "last")
    assert len([report for report in api.reports if report.run_id == "r" and report.ending]) == 1


def test_a_cancel_in_the_heartbeat_ends_the_run(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    fleet.bell.ring([api.add("r", shell("trap '' TERM; sleep 1201; sleep 1201"), grace_s=600)])
    wait_until(lambda: living("sleep 1201"), 10, dump=fleet.logs)
    api.cancel = {"r"}
    fleet.bell.beat()
    fleet.ended("r", within_s=5)
    assert fleet.state("r") is RunState.CANCELED
    assert living("sleep 1201") == []


def test_a_run_that_the_api_calls_stale_is_killed_and_not_reported(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    fleet.bell.ring([api.add("r", shell("echo up; sleep 1202"))])
    wait_until(lambda: living("sleep 1202"), 10, dump=fleet.logs)
    api.stale = {"r"}
    wait_until(lambda: living("sleep 1202") == [], 5, dump=fleet.logs)
    fleet.bell.ring([api.add("next", shell("true"), shape=TWO_CORES)])
    fleet.ended("next")
    assert "r" not in api.endings


def test_an_api_that_is_away_delays_reports_and_ends_no_run(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    fleet.bell.ring([api.add("r", shell("sleep 0.5; echo done"))])
    wait_until(lambda: "r" in api.owner, 10, dump=fleet.logs)
    api.failing = 503
    wait_until(lambda: api.calls.count("reports") >= 3, 10, dump=fleet.logs)
    assert api.endings == {}
    api.failing = None
    fleet.ended("r")
    assert api.lines("r") == ["done"]


def test_a_node_that_has_lost_the_api_takes_nothing_new_until_it_is_back(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    fleet.bell.ring([api.add("first", shell("true"))])
    fleet.ended("first")
    api.failing = 503
    beats = api.calls.count("heartbeat")
    wait_until(lambda: api.calls.count("heartbeat") > beats + 6, 15, dump=fleet.logs)
    claims = api.calls.count("claims")
    fleet.bell.ring([api.add("r", shell("true"))])
    beats = api.calls.count("heartbeat")
    wait_until(lambda: api.calls.count("heartbeat") > beats + 1, 15, dump=fleet.logs)
    assert api.calls.count("claims") == claims
    api.failing = None
    fleet.ended("r")


def test_a_node_that_the_api_does_not_know_registers_again(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    api.known = False
    wait_until(lambda: api.registrations == 2, 10, dump=fleet.logs)


def test_a_node_told_to_drain_takes_nothing_until_it_is_told_otherwise(fleet: Fleet, api: FakeApi) -> None:
    fleet.start()
    fleet.bell.ring([api.add("first", shell("true"))])
    fleet.ended("first")
    api.drain = set(api.nodes)
    wait_until(lambda: api.beats[-1][1].draining, 10, dump=fleet.logs)
    fleet.bell.ring([api.add("r", shell("true"))])
    beats = len(api.beats)
    wait_until(lambda: len(api.beats) > beats + 2, 10)
    assert "r" not in api.owner
    api.drain = set()
    fleet.ended("r")


def test_sigterm_lets_short_runs_end_and_gives_back_the_long_ones(fleet: Fleet, api: FakeApi) -> None:
    node = fleet.start(FLOTILLA_GRACE_S="1.5")
    fleet.bell.ring([api.add("short", shell("sleep 0.7")), api.add("long", shell("sleep 1203"))])
    wait_until(lambda: living("sleep 1203") and "short" in api.owner, 10, dump=fleet.logs)
    node.send_signal(signal.SIGTERM)
    assert node.wait(10) == 0
    assert fleet.state("short") is RunState.SUCCEEDED
    assert api.endings["long"].released
    assert fleet.state("long") is RunState.LOST
    assert living("sleep 1203") == []
    assert api.beats[-1][1].draining


def test_a_second_signal_skips_the_grace(fleet: Fleet, api: FakeApi) -> None:
    node = fleet.start(FLOTILLA_GRACE_S="60")
    fleet.bell.ring([api.add("long", shell("sleep 1204"))])
    wait_until(lambda: living("sleep 1204"), 10, dump=fleet.logs)
    node.send_signal(signal.SIGINT)
    wait_until(lambda: api.beats[-1][1].draining, 10, dump=fleet.logs)
    node.send_signal(signal.SIGINT)
    assert node.wait(10) == 0
    assert api.endings["long"].released


@pytest.mark.fault
def test_when_a_node_is_killed_nothing_of_its_runs_lives_on(fleet: Fleet, api: FakeApi) -> None:
    node = fleet.start()
    fleet.bell.ring([api.add("c", shell("trap '' TERM; setsid sleep 1205 & sleep 1205"))])
    fleet.bell.ring([api.add("p", {"callable": "sleep", "arguments": {"seconds": 1206}}, executor="python")])
    wait_until(lambda: len(living("sleep 1205")) >= 2 and "p" in api.owner, 10, dump=fleet.logs)
    below = psutil.Process(node.pid).children(recursive=True)
    assert len(below) >= 6
    node.kill()
    _, alive = psutil.wait_procs(below, timeout=2)
    assert alive == []


@pytest.mark.fault
def test_a_node_comes_back_with_its_id_and_ends_what_a_former_life_left(fleet: Fleet, api: FakeApi) -> None:
    node = fleet.start()
    fleet.bell.ring([api.add("r", shell("sleep 1207"))])
    wait_until(lambda: living("sleep 1207"), 10, dump=fleet.logs)
    for warden in psutil.Process(node.pid).children():
        warden.suspend()
    node.kill()
    node.wait()
    assert living("sleep 1207")
    fleet.start()
    assert living("sleep 1207") == []
    assert len(api.nodes) == 1


@pytest.mark.fault
def test_endings_that_could_not_be_told_are_told_by_the_next_life(fleet: Fleet, api: FakeApi) -> None:
    node = fleet.start()
    fleet.bell.ring([api.add("r", shell("sleep 0.3; echo done"))])
    wait_until(lambda: "r" in api.owner, 10, dump=fleet.logs)
    api.failing = 503
    wait_until(lambda: b'"ending"' in (fleet.folder / "one" / "spool.jsonl").read_bytes(), 10)
    node.kill()
    node.wait()
    api.failing = None
    api.calls.clear()
    fleet.start()
    fleet.ended("r")
    assert api.calls.index("reports") < api.calls.index("register")


@pytest.mark.fault
def test_dispatch_resumes_when_the_broker_is_back(api: FakeApi, tmp_path: Path) -> None:
    server = RedisServer()
    server.start()
    fleet = Fleet(api, server.url, tmp_path)
    try:
        fleet.start()
        fleet.bell.ring([api.add("first", shell("sleep 0.3"))])
        wait_until(lambda: "first" in api.owner, 10, dump=fleet.logs)
        server.kill()
        fleet.ended("first")
        server.start()
        fleet.bell = Bell(server.url)
        fleet.bell.ring([api.add("r", shell("true"))])
        fleet.ended("r")
    finally:
        fleet.close()
        server.remove()


def test_two_nodes_cannot_have_one_folder(fleet: Fleet) -> None:
    fleet.start()
    second = fleet.start(wait=False)
    assert second.wait(20) == 2
    assert "FLOTILLA_NODE_DIR" in fleet.logs()


def test_a_wrong_setting_is_named_with_what_is_allowed(fleet: Fleet) -> None:
    node = fleet.start(wait=False, FLOTILLA_CPUS="many", FLOTILLA_CLOCKWORK="slow", FLOTILLA_SERVER_URL="x")
    assert node.wait(20) == 2
    for word in ("FLOTILLA_CPUS", "FLOTILLA_CLOCKWORK", "production, fast", "FLOTILLA_SERVER_URL"):
        assert word in fleet.logs()


def test_celery_can_ping_a_node_with_nothing_but_the_broker_s_address(fleet: Fleet) -> None:
    fleet.start()
    environment = {"PATH": os.environ["PATH"], "FLOTILLA_BROKER_URL": fleet.broker_url}
    command = [sys.executable, "-m", "celery", "-A", "worker.main", "inspect", "ping", "-t", "5"]

    def answered() -> bool:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return "pong" in done.stdout

    wait_until(answered, 30, dump=fleet.logs)
