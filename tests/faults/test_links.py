"""Links that are cut, slow, or lose an answer after the other side has done its part."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.client import call, command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import CLOCKWORK, Fleet, bound
from tests.wait import wait_until

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def shared() -> Iterator[Fleet]:
    with fleet_of(nodes=2, cpus=4, memory=2048) as made:
        yield made


@pytest.fixture
def fleet(shared: Fleet, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    yield shared
    settle(shared, request)


def request_to(path: str, containing: bytes = b"") -> Callable[[bytes], bool]:
    return lambda data: data.startswith(b"POST ") and path.encode() in data.split(b"\r\n", 1)[0] and containing in data


def passed(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


def test_f26_the_answer_of_a_claim_is_lost(fleet: Fleet, figures: Figures) -> None:
    for link in fleet.api_links:
        link.lose_answer(request_to("/claims"))
    before = sum(link.lost_answers for link in fleet.api_links)
    job = fleet.submit([command(fleet.ledger, f"claimed-{n}", "ok", 0.2) for n in range(8)], name="f26")
    fleet.finish(job)
    lost = sum(link.lost_answers for link in fleet.api_links) - before
    assert lost >= 1
    assert fleet.state(job) == "succeeded"
    runs = fleet.client.runs(job)
    assert {run["number"] for run in runs} == {1}, "the repeat of the claim got the same runs"
    figures.note(f"{lost} answers lost, no run twice")
    for link in fleet.api_links:
        link.forget()


@pytest.mark.skipif(os.environ.get("FLOTILLA_HANDOFF") == "0", reason="hand-off is off: no answer has one")
def test_f31_the_answer_with_a_hand_off_is_lost_and_the_node_dies(fleet: Fleet, figures: Figures) -> None:
    width = 24
    job = fleet.submit(
        [call(f"handed-{n}", "noted", ledger=str(fleet.ledger), seconds=0.1, memory=72) for n in range(width)],
        name="f31",
    )
    killed: list[str] = []

    def kill(index: int) -> Callable[[], None]:
        def work() -> None:
            if not killed:
                killed.append(fleet.nodes[index].name)
                fleet.nodes[index].kill_tree()

        return work

    for index, link in enumerate(fleet.api_links):
        link.lose_answer(request_to("/reports", b'"takes"'), kill(index))
    fleet.until(lambda: killed, 20)
    figures.restart()
    fleet.finish(job, within_s=bound(25) + 10)
    runs = fleet.client.runs(job)
    assert fleet.state(job) == "succeeded"
    lost = [run for run in runs if run["state"] == "lost"]
    figures.note(f"{len(lost)} runs were lost with {killed[0]}, all ended {figures.elapsed_s():.2f} s later")
    for link in fleet.api_links:
        link.forget()


def test_f12_a_cut_that_is_shorter_than_a_lease(fleet: Fleet) -> None:
    open_ = fleet.gate("f12")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(4)], name="f12")
    fleet.running(job, 4)
    for link in fleet.api_links:
        link.cut()
    open_.touch()
    wait_until(passed(CLOCKWORK.lease_s / 2))
    for link in fleet.api_links:
        link.heal()
    fleet.finish(job)
    assert [(run["number"], run["state"]) for run in fleet.client.runs(job)] == [(1, "succeeded")] * 4


def test_f13_a_node_is_cut_off_from_the_api_for_long(fleet: Fleet, figures: Figures) -> None:
    both, first, second = fleet.gate("f13"), fleet.gate("f13-1"), fleet.gate("f13-2")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold-each", both) for n in range(4)], name="f13")
    runs = fleet.running(job, 4)
    victim = fleet.node_of(runs[0])
    node_id = fleet.client.nodes()[victim.name]["id"]
    cut = {run["id"] for run in runs if run["nodeId"] == node_id}
    link = fleet.api_links[fleet.nodes.index(victim)]
    link.cut()
    figures.restart()
    fresh = fleet.submit([command(fleet.ledger, f"fresh-{n}", "ok") for n in range(6)], name="f13 fresh")
    fleet.until(lambda: all(run["nodeId"] != node_id for run in fleet.running(job, 4)), bound(25))
    figures.note(f"replaced after {figures.elapsed_s():.2f} s")
    second.touch()
    fleet.finish(fresh, within_s=bound(25))
    figures.note(f"what came in meanwhile was done {figures.elapsed_s():.2f} s after the cut")
    link.heal()
    figures.restart()
    fleet.until(lambda: not fleet.survivors(cut), bound(10))
    figures.note(f"old trees dead {figures.elapsed_s():.2f} s after healing")
    first.touch()
    fleet.finish(job)
    assert fleet.state(job) == "succeeded"


def test_f13_the_broker_is_cut_off_while_the_api_is_seen(fleet: Fleet, figures: Figures) -> None:
    open_ = fleet.gate("f13b")
    job = fleet.submit([command(fleet.ledger, f"held-{n}", "hold", open_) for n in range(4)], name="f13b")
    fleet.running(job, 4)
    fleet.broker_link.cut()
    late = fleet.submit([command(fleet.ledger, f"late-{n}", "ok") for n in range(4)], name="f13b late")
    wait_until(passed(2 * CLOCKWORK.lease_s), 60)
    assert len(fleet.client.running(job)) == 4, "nobody is reaped for it"
    open_.touch()
    fleet.finish(job)
    fleet.broker_link.heal()
    fleet.broker_link.reset_all()
    figures.restart()
    fleet.finish(late, within_s=bound(10) + 10)
    figures.note(f"dispatch again {figures.elapsed_s():.2f} s after healing")
    assert [run["number"] for run in fleet.client.runs(job)] == [1] * 4


def test_f14_a_slow_link_that_resets_connections(fleet: Fleet, figures: Figures) -> None:
    for link in fleet.api_links:
        link.delay_s, link.reset_share = 0.1, 0.1
    jobs = [
        fleet.submit([command(fleet.ledger, f"slow-{n}", "ok", 0.2) for n in range(8)], name=f"f14-{m}")
        for m in range(3)
    ]
    fleet.finish(*jobs, within_s=90)
    figures.note(f"24 tasks over a slow link in {figures.elapsed_s():.2f} s")
    lost = [run for job in jobs for run in fleet.client.runs(job) if run["state"] == "lost"]
    reaped = [run for run in lost if run["error"]["code"] == "node_lost"]
    assert not reaped
    figures.note(f"{len(lost)} runs handed back")
