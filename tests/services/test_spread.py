"""Does the work spread? The time that a fleet takes, against the least that any schedule could, on a clock by hand."""

import itertools
import random
from collections.abc import Mapping, Sequence

import pytest

from tests.services.timed import TimedFleet, TimedNode
from tests.services.world import World, shape

SLOTS = 4


def fleet(*, handoff: bool = True) -> TimedFleet:
    """Two nodes of two cpus."""
    world = World(handoff=handoff)
    nodes = [TimedNode(world=world, id=name, total=shape(2, 4096)) for name in ("one", "two")]
    for node in nodes:
        node.register()
    return TimedFleet(world=world, nodes=nodes, handoff=handoff)


def ratio(fleet: TimedFleet, needs: Mapping[str, Sequence[str]], seconds: Mapping[str, float]) -> float:
    """How long it takes, by the time that the work alone would take when it is shared out evenly."""
    return fleet.work(needs, seconds) / (sum(seconds.values()) / SLOTS)


def bag(fleet: TimedFleet, seconds: Sequence[float], name: str = "t") -> float:
    named = {f"{name}{number}": each for number, each in enumerate(seconds)}
    return ratio(fleet, dict.fromkeys(named, ()), named)


@pytest.mark.parametrize("each_s", [0.02, 0.06, 0.09, 0.3])
def test_many_like_tasks_keep_all_slots_busy(each_s: float) -> None:
    assert bag(fleet(), [each_s] * 400) < 1.07


def test_a_route_that_becomes_slower_is_followed_at_once() -> None:
    ours = fleet()
    bag(ours, [0.02] * 400, "quick")
    assert bag(ours, [0.06] * 400, "slower") < 1.07


def test_a_job_after_one_of_nothing_is_not_taken_in_piles() -> None:
    ours = fleet()
    bag(ours, [0.00005] * 1000, "nothing")
    ours.largest = 0
    assert bag(ours, [2.0] * 50, "long") < 1.1
    assert ours.largest <= 7


def test_tasks_of_uneven_length_end_together() -> None:
    rolled = random.Random(7)
    assert bag(fleet(), [rolled.expovariate(1 / 0.06) for _ in range(400)]) < 1.1


def test_without_hand_off_the_window_keeps_slots_busy() -> None:
    assert bag(fleet(handoff=False), [0.06] * 400) < 1.2


def test_layers_of_quick_tasks_are_shared_out() -> None:
    rolled = random.Random(3)
    layers = [[f"{layer}-{number}" for number in range(12)] for layer in range(20)]
    needs: dict[str, Sequence[str]] = dict.fromkeys(layers[0], ())
    for above, layer in itertools.pairwise(layers):
        needs |= {name: rolled.sample(above, 3) for name in layer}
    assert ratio(fleet(), needs, {name: rolled.uniform(0.01, 0.03) for name in needs}) < 1.35


def test_no_ops_travel_in_few_messages() -> None:
    ours = fleet()
    bag(ours, [0.00005] * 1000, "first")
    before = ours.requests
    bag(ours, [0.00005] * 2000, "second")
    assert ours.requests - before < 60
