"""Links between machines are cut, slow and lossy: what is promised holds between real hosts, over real TCP."""

import contextlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.faults.client import command
from tests.faults.conftest import Figures, settle
from tests.faults.fleet import CLOCKWORK, bound
from tests.faults.proxy import Proxy
from tests.hosts.conftest import fleet_on_hosts
from tests.hosts.fleet import NODES, PORT, FleetOnHosts
from tests.hosts.network import Cable, has_netem, impaired
from tests.wait import wait_until

pytestmark = pytest.mark.fault

DELAY_MS, LOSS_PERCENT = 100, 5


@pytest.fixture(scope="module")
def shared() -> Iterator[FleetOnHosts]:
    with fleet_on_hosts() as made:
        yield made


@pytest.fixture
def fleet(shared: FleetOnHosts, request: pytest.FixtureRequest) -> Iterator[FleetOnHosts]:
    yield shared
    settle(shared, request)


def passed(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


def states_of(fleet: FleetOnHosts, job: str, runs: Sequence[Mapping[str, Any]]) -> set[str]:
    """What has become of these very runs; that a task has another one since would not help them."""
    ids = {run["id"] for run in runs}
    return {run["state"] for run in fleet.client.runs(job) if run["id"] in ids}


def test_nodes_join_by_url_and_token_alone_and_each_takes_its_work(fleet: FleetOnHosts) -> None:
    job = fleet.submit([command(fleet.ledger, f"on-{name}", "ok", tag=name) for name in NODES], name="tags")
    fleet.finish(job)
    assert fleet.state(job) == "succeeded"
    assert len({run["nodeId"] for run in fleet.client.runs(job)}) == 3
    spaces = {os.readlink(f"/proc/{node.pid}/ns/net") for node in fleet.nodes}
    assert len(spaces) == 3, "each in a network of its own"
    for node in fleet.nodes:
        kept = fleet.data / node.name / "token"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert "fl_" in kept.read_text()
    shown = fleet.client.nodes()["node-1"]
    assert shown["clockSkewSeconds"] is not None
    assert abs(shown["clockSkewSeconds"]) < 1
    assert shown["total"] == {"cpu": 4, "memory": 2048}


def test_a_node_that_has_joined_starts_again_as_flotilla_node(fleet: FleetOnHosts) -> None:
    before = fleet.client.nodes()["node-2"]
    joined = fleet.nodes[2]
    assert joined.end() == 0
    again = fleet.node("node-2")
    again.start()
    fleet.until(lambda: fleet.client.nodes()["node-2"]["pid"] == again.pid, 20)
    assert fleet.client.nodes()["node-2"]["id"] == before["id"]
    assert again.end() == 0


def test_g9_f12_all_nodes_are_cut_off_from_the_api_for_less_than_a_lease(fleet: FleetOnHosts) -> None:
    open_ = fleet.gate("f12")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(6)], name="f12")
    held = fleet.running(job, 6)
    for cable in fleet.api_links:
        cable.cut()
    open_.touch()
    wait_until(passed(CLOCKWORK.lease_s / 4))
    for cable in fleet.api_links:
        cable.heal()
    fleet.finish(job)
    assert states_of(fleet, job, held) == {"succeeded"}


def test_f13_g4_g5_a_node_is_cut_off_from_the_api_and_sees_the_broker(fleet: FleetOnHosts, figures: Figures) -> None:
    open_ = fleet.gate("f13")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(6)], name="f13")
    runs = fleet.running(job, 6)
    victim = fleet.node_of(runs[0])
    node_id = fleet.client.nodes()[victim.name]["id"]
    cut = {run["id"] for run in runs if run["nodeId"] == node_id}
    cable = fleet.api_links[fleet.nodes.index(victim)]
    cable.cut()
    figures.restart()
    fresh = fleet.submit([command(fleet.ledger, f"fresh-{n}", "ok") for n in range(6)], name="f13 fresh")
    fleet.until(lambda: all(run["nodeId"] != node_id for run in fleet.running(job, 6)), bound(25) + 5)
    figures.note(f"replaced after {figures.elapsed_s():.2f} s")
    fleet.finish(fresh, within_s=bound(25))
    cable.heal()
    figures.restart()
    fleet.until(lambda: not fleet.survivors(cut), bound(10))
    figures.note(f"old trees dead {figures.elapsed_s():.2f} s after healing")
    open_.touch()
    fleet.finish(job)
    assert fleet.state(job) == "succeeded"


def test_f13_g10_nodes_are_cut_off_from_the_broker_and_see_the_api(fleet: FleetOnHosts, figures: Figures) -> None:
    open_ = fleet.gate("f13b")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(6)], name="f13b")
    held = fleet.running(job, 6)
    for cable in fleet.broker_links:
        cable.cut()
    late = fleet.submit([command(fleet.ledger, f"late-{n}", "ok") for n in range(6)], name="f13b late")
    wait_until(passed(2 * CLOCKWORK.lease_s), 60)
    assert states_of(fleet, job, held) == {"running"}, "nobody is reaped for it"
    open_.touch()
    fleet.finish(job)
    for cable in fleet.broker_links:
        cable.heal()
    figures.restart()
    fleet.finish(late, within_s=bound(10) + 30)
    figures.note(f"all done {figures.elapsed_s():.2f} s after healing")
    assert states_of(fleet, job, held) == {"succeeded"}


def test_g10_the_broker_is_lost_with_all_it_holds(fleet: FleetOnHosts, figures: Figures) -> None:
    jobs = [
        fleet.submit([command(fleet.ledger, f"a-{n}-{m}", "ok", 0.1) for n in range(12)], name=f"g10-{m}")
        for m in range(2)
    ]
    fleet.redis.kill()
    jobs.append(fleet.submit([command(fleet.ledger, f"b-{n}", "ok") for n in range(6)], name="g10 while it is away"))
    fleet.redis.start()
    figures.restart()
    fleet.finish(*jobs, within_s=bound(10) + 20)
    figures.note(f"30 tasks done {figures.elapsed_s():.2f} s after its return")
    assert {fleet.state(job) for job in jobs} == {"succeeded"}, [
        (run["state"], run["error"]) for job in jobs for run in fleet.client.runs(job) if run["error"]
    ]


def test_g9_the_database_is_cut_off_from_the_api(fleet: FleetOnHosts, figures: Figures) -> None:
    open_ = fleet.gate("g9")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(6)], name="g9")
    held = fleet.running(job, 6)
    fleet.database_link.cut()
    open_.touch()
    wait_until(passed(2 * CLOCKWORK.lease_s), 60)
    fleet.database_link.heal()
    figures.restart()
    fleet.finish(job, within_s=bound(15) + 25)
    figures.note(f"kept reports in {figures.elapsed_s():.2f} s after healing")
    assert states_of(fleet, job, held) == {"succeeded"}


def test_f14_a_node_on_a_slow_link_that_loses_packets(fleet: FleetOnHosts, figures: Figures) -> None:
    with slow_link(fleet) as how:
        jobs = [
            fleet.submit(
                [command(fleet.ledger, f"slow-{n}", "ok", 0.2, tag="node-0") for n in range(8)], name=f"f14-{m}"
            )
            for m in range(2)
        ]
        fleet.finish(*jobs, within_s=60)
    figures.note(f"16 tasks by {how} in {figures.elapsed_s():.2f} s")
    runs = [run for job in jobs for run in fleet.client.runs(job)]
    assert not [run for run in runs if run["error"] and run["error"]["code"] == "node_lost"]
    assert {fleet.state(job) for job in jobs} == {"succeeded"}


@contextlib.contextmanager
def slow_link(fleet: FleetOnHosts) -> Iterator[str]:
    """Of node-0. Where the kernel cannot do it, requests go through a proxy that delays, and all packets between node
    and broker are lost for short moments.
    """
    hosts = fleet.network.hosts
    if has_netem(hosts["node-0"]):
        with impaired(hosts["node-0"], DELAY_MS, LOSS_PERCENT):
            yield "netem"
        return
    direct = fleet.nodes[0]
    proxy = Proxy((hosts["api"].address, PORT), (fleet.network.here, 0))
    proxy.delay_s, proxy.reset_share = DELAY_MS / 1000, LOSS_PERCENT / 100
    assert not isinstance(proxy.address, os.PathLike)
    assert direct.end() == 0
    fleet.nodes[0] = fleet.node(direct.name, "--server", f"http://{fleet.network.here}:{proxy.address[1]}")
    try:
        fleet.nodes[0].start()
        fleet.until(fleet.ready)
        with flickering(fleet.broker_links[0]):
            yield "proxy"
    finally:
        fleet.nodes[0].end()
        fleet.nodes[0] = direct
        proxy.close()


@contextlib.contextmanager
def flickering(cable: Cable) -> Iterator[None]:
    """Cut for a twentieth of the time."""
    over = threading.Event()

    def flicker() -> None:
        while not over.wait(0.95):
            cable.cut()
            over.wait(0.05)
            cable.heal()

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        cable.heal()
