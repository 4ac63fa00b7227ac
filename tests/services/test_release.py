"""Is what is ready offered in the right order, no more of it than the fleet can start soon, and in fit bundles?"""

from app.domain.job import Job
from app.services.fleet import Pace
from app.wire.states import RunState
from tests.services.world import World, shape, task


def states(world: World, *jobs: Job) -> dict[str, int]:
    counts: dict[str, int] = {}
    for job in jobs:
        for state in world.states(job).values():
            counts[state] = counts.get(state, 0) + 1
    return counts


def test_without_nodes_nothing_is_out(world: World) -> None:
    job = world.submit({str(n): [] for n in range(10)})
    assert states(world, job) == {"ready": 10}
    assert world.broker.take() is None


def test_only_a_window_of_twice_the_room_is_out(world: World) -> None:
    world.node("one", cpu=3)
    world.node("two", cpu=2)
    job = world.submit({str(n): [] for n in range(100)})
    assert states(world, job) == {"queued": 10, "ready": 90}
    world.check()


def test_a_registration_and_a_beat_bring_out_what_waits(world: World) -> None:
    job = world.submit({str(n): [] for n in range(10)})
    node = world.node("one", cpu=2)
    assert states(world, job) == {"queued": 4, "ready": 6}
    world.clock.advance(2)
    node.take_all()
    node.beat()
    assert states(world, job) == {"running": 2, "queued": 2, "ready": 6}


def test_shapes_that_do_not_fit_now_are_not_out(world: World) -> None:
    world.node(cpu=4)
    job = world.submit([task("big", shape=shape(5)), task("fits", shape=shape(4))])
    assert world.states(job) == {"big": "ready", "fits": "queued"}


def test_the_order_is_priority_then_age_then_height(world: World) -> None:
    older = world.submit(
        [
            task("plain"),
            task("late", priority=10),
            task("tall"),
            *[task(f"t{n}", "tall" if n == 0 else f"t{n - 1}", priority=0) for n in range(4)],
        ]
    )
    newer = world.submit([task("new"), task("urgent", priority=90)])
    node = world.node(cpu=1)
    order = world.drive(node)
    assert order[:2] == ["urgent", "tall"]
    assert [name for name in order if name in ("plain", "new", "late")] == ["plain", "new", "late"]
    assert order[-4:] == ["t0", "t1", "t2", "t3"]
    assert world.job(older).state == world.job(newer).state == "succeeded"


def test_what_ended_makes_room_for_what_waits(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit({str(n): [] for n in range(20)})
    assert len(world.drive(node)) == 20
    assert states(world, job) == {"succeeded": 20}


def test_quick_runs_travel_together_and_slow_ones_alone() -> None:
    world = World(max_bundle=16)
    node = world.node(cpu=2)
    world.submit([task("quick"), task("slow", executor="python")])
    other = world.node("other", cpu=2, executors=("python",))
    node.take()
    other.take()
    node.finish("quick", wall_s=0.004)
    other.finish("slow", wall_s=4.0)
    world.submit([task(f"q{n}") for n in range(200)])
    assert len(node.take()) == 16
    world.submit([task(f"s{n}", executor="python") for n in range(20)])
    assert len(other.take()) == 1


def test_few_quick_runs_are_spread_over_the_slots_that_idle() -> None:
    world = World(max_bundle=64)
    first, second = world.node("one", cpu=2), world.node("two", cpu=2)
    world.submit({"warm": []})
    first.take()
    first.finish("warm", wall_s=0.001)
    world.submit({str(n): [] for n in range(8)})
    assert len(first.take()) == 1
    assert len(second.take()) == 1


def test_a_busy_slot_leaves_a_share_to_those_that_idle() -> None:
    world = World()
    busy, idle = world.node("busy", cpu=1), world.node("idle", cpu=3)
    world.submit({"warm": []})
    busy.take()
    busy.finish("warm", wall_s=0.001)
    job = world.submit({"a": [], **{f"b{n}": ["a"] for n in range(40)}})
    busy.take()
    spec = busy.run_of("a")
    answer = busy.report(busy.ending(spec, takes=64, wall_s=0.001))
    assert len(answer.handoffs[spec.run_id]) == 10
    assert len(idle.take()) > 1
    assert len([run for run in world.runs(job) if run.state is RunState.RUNNING]) > 10
    world.check()


def test_a_bundle_is_a_tenth_of_a_second_of_work() -> None:
    world = World()
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    node.finish("a", wall_s=0.01)
    route = world.runs(job)[0].route
    pace = Pace()
    assert pace.bundle(route, 64) == 1
    pace.note(world.runs(job)[0])
    assert pace.bundle(route, 64) == 10
    assert pace.bundle(route, 4) == 4


def test_two_queues_do_not_block_each_other(world: World) -> None:
    node = world.node(cpu=1, queues=("@default",))
    blocked = world.submit({str(n): [] for n in range(5)}, queue="nobody")
    job = world.submit({str(n): [] for n in range(5)})
    assert len(world.drive(node)) == 5
    assert states(world, job) == {"succeeded": 5}
    assert states(world, blocked) == {"ready": 5}
