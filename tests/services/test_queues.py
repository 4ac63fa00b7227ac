"""A queue is paused, resumed and limited: nothing passes it by offer, claim, hand-off or sweep, and it says why."""

from dataclasses import replace

import pytest

from app.domain.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain.job import JobSpec
from app.services import access, explain, outside, queues, submit
from app.services.access import Principal
from app.wire.states import RunState
from tests.services.test_maps import a_map
from tests.services.test_release import states
from tests.services.world import World, shape, task

OTHERS = "00000000-0000-7000-8000-00000000000f"


def someone_else() -> Principal:
    scopes = access.scopes_of("admin", OTHERS)
    return Principal(org_id=OTHERS, name="theirs", role="admin", scopes=scopes)


def reasons(world: World, task_id: str) -> dict[str, str]:
    found = explain.explain(world.core, world.who, task_id)
    return {reason.code: f"{reason.message}; {reason.change}" for reason in found.reasons}


def change(world: World, **wanted: bool | int | None) -> queues.QueueView:
    return queues.change(world.core, world.who, "@default", wanted)


def test_a_paused_queue_takes_back_what_is_out_and_starts_nothing(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit({str(n): [] for n in range(10)})
    names = node.take() + node.take()
    assert queues.pause(world.core, world.who, "@default").queue.paused
    assert states(world, job) == {"running": 2, "ready": 8}
    assert node.take_all() == []
    node.finish(names[0], takes=5)  # asks for more with its report
    later = world.submit({"later": []})
    world.pass_time(70, node)
    assert states(world, job) == {"succeeded": 1, "running": 1, "ready": 8}
    assert world.states(later) == {"later": "ready"}
    told = reasons(world, world.task(later, "later").id)
    assert told == {"queue_paused": "its queue '@default' is paused; resume it: flotilla queues resume '@default', or "
                    "POST /v1/queues/%40default/resume"}  # fmt: skip
    world.check()
    queues.resume(world.core, world.who, "@default")
    node.finish(names[1])
    assert len(world.drive(node)) == 9
    world.check()


def test_a_claim_that_crossed_the_pause_yields_nothing(world: World) -> None:
    node = world.node(cpu=2)
    job = world.submit({"a": []})
    offer = world.broker.take()
    assert offer is not None
    queue = world.store.read(lambda tx: tx.queue(access.ORG, "@default"))
    assert queue is not None
    paused = replace(queue, paused=True)
    world.store.write(lambda tx: tx.save_queue(paused))  # and nothing is taken back yet
    assert node.claim(*offer.run_ids).runs == ()
    with pytest.raises(Conflict, match="paused"):
        outside.start(world.core, world.who, world.task(job, "a").id, outside.News())
    world.pass_time(30, node)  # the sweep does
    assert world.states(job) == {"a": "ready"}


def test_other_queues_and_other_organizations_go_on(world: World) -> None:
    node = world.node(cpu=4, queues=("*",))
    mine = world.submit({"mine": []})
    other = world.submit({"other": []}, queue="another")
    spec = JobSpec(name="theirs", tasks=(task("theirs"),))
    submit.submit(world.core, someone_else(), "@default", spec)
    queues.pause(world.core, world.who, "@default")
    assert sorted(world.drive(node)) == ["other", "theirs"]
    assert world.states(mine) == {"mine": "ready"}
    assert world.states(other) == {"other": "succeeded"}
    with pytest.raises(NotFound):
        queues.pause(world.core, someone_else(), "another")


def test_no_more_than_the_limit_run_at_once_however_they_are_taken(world: World) -> None:
    nodes = [world.node("one", cpu=8), world.node("two", cpu=8)]
    shapes = [shape(1), shape(2)]  # of two routes
    job = world.submit([task(str(n), shape=shapes[n % 2]) for n in range(2)])
    world.drive(*nodes)
    change(world, max_running=3)
    job = world.submit([task(str(n), shape=shapes[n % 2]) for n in range(40)])
    assert states(world, job) == {"queued": 3, "ready": 37}
    highest = 0
    for _ in range(200):
        for node in nodes:
            node.take_all()
            highest = max(highest, sum(len(each.held) for each in nodes))
            for name in [spec.task for spec in node.held.values()][:1]:
                node.finish(name, takes=4, wall_s=0.001)
                highest = max(highest, sum(len(each.held) for each in nodes))
        world.clock.advance(1)
        for node in nodes:
            node.beat()
        world.sweep()
        if states(world, job) == {"succeeded": 40}:
            break
    assert states(world, job) == {"succeeded": 40}
    assert highest == 3
    world.check()


def test_values_of_a_map_count_each(world: World) -> None:
    node = world.node(cpu=8)
    world.submit({"first": []})
    world.drive(node)
    change(world, max_running=2)
    job = world.submit([a_map("m", values=list(range(20)))])
    node.take_all()
    assert len(node.held) == 2
    view = queues.queue(world.core, world.who, "@default")
    assert (view.running, view.depth) == (2, 18)
    told = reasons(world, world.task(job, "m").id)
    assert told["queue_limit"].startswith("value 2, of 20 that have not ended: 2 runs of its queue '@default' run")
    assert len(world.drive(node)) == 20
    assert world.states(job) == {"m": "succeeded"}


def test_a_lower_limit_takes_back_what_is_over_it_and_none_lets_all_go(world: World) -> None:
    node = world.node(cpu=4)
    job = world.submit({str(n): [] for n in range(20)})
    node.take()
    assert states(world, job) == {"running": 1, "queued": 7, "ready": 12}
    change(world, max_running=2)
    assert states(world, job) == {"running": 1, "queued": 1, "ready": 18}
    assert reasons(world, world.task(job, "19").id).keys() >= {"queue_limit"}
    change(world, max_running=None)
    assert states(world, job)["queued"] > 1
    world.check()


def test_the_limit_of_one_organization_leaves_the_route_to_others(world: World) -> None:
    node = world.node(cpu=16)
    world.submit({"first": []})
    world.drive(node)
    change(world, max_running=1)
    mine = world.submit({f"m{n}": [] for n in range(10)})
    submit.submit(
        world.core, someone_else(), "@default", JobSpec(name="t", tasks=tuple(task(f"t{n}") for n in range(5)))
    )
    world.pass_time(4, node)
    node.take_all()
    held = [spec.task for spec in node.held.values()]
    assert sorted(name for name in held if name.startswith("t")) == [f"t{n}" for n in range(5)]
    assert len(held) == 6
    assert states(world, mine) == {"running": 1, "ready": 9}


def test_so_many_start_a_minute_and_no_more(world: World) -> None:
    node = world.node(cpu=64, memory_mib=1 << 20)
    world.submit({"first": []})
    world.drive(node)
    change(world, max_starts=60)
    job = world.submit({str(n): [] for n in range(300)})
    assert states(world, job) == {"queued": 5, "ready": 295}  # what five seconds have saved up
    told = reasons(world, world.task(job, "299").id)
    assert told["queue_rate"].startswith("60 of its queue '@default' may start a minute; the next one in 1.0 s")
    ended = 0
    for second in range(1, 121):
        world.clock.advance(1)
        node.beat()
        world.sweep()
        ended += len(world.drive(node))
        assert ended <= 5 + second, second
    assert ended >= 120
    change(world, max_starts=None)
    assert ended + len(world.drive(node)) == 300
    world.check()


def test_one_a_minute_is_one_a_minute(world: World) -> None:
    node = world.node(cpu=64, memory_mib=1 << 20)
    world.submit({"first": []})
    world.drive(node)
    change(world, max_starts=1)
    world.submit({str(n): [] for n in range(9)})
    assert len(world.drive(node)) == 1
    world.pass_time(55, node)
    assert world.drive(node) == []
    world.pass_time(10, node)
    assert len(world.drive(node)) == 1


def test_a_queue_shows_its_rates_its_age_and_its_nodes(world: World) -> None:
    node = world.node(cpu=2)
    world.node("elsewhere", queues=("another",))
    world.clock.now_us = world.clock.now_us // 60_000_000 * 60_000_000 + 30_000_000  # in the middle of a minute
    node.beat()
    submitted_us = world.clock.now_us
    world.submit({str(n): [] for n in range(9)})
    for name in node.take() + node.take():
        node.finish(name)
    world.core.tally.flush(world.store)
    world.clock.advance(30)
    node.beat()
    view = queues.queue(world.core, world.who, "@default")
    assert view.depth + view.running == 9 - 2 or not world.core.handoff
    assert view.oldest_us == submitted_us
    assert (round(view.rate_in, 3), round(view.rate_out, 3)) == (9 / 4, 2 / 4)  # a minute begins: four are seen
    assert [each.node.name for each in view.nodes] == ["n1"]
    assert not view.stranded


def test_a_queue_that_nobody_serves_is_stranded_only_while_something_waits(world: World) -> None:
    world.node("elsewhere", queues=("another",))
    world.submit({"a": []})
    assert queues.queue(world.core, world.who, "@default").stranded
    queues.pause(world.core, world.who, "@default")
    assert not queues.queue(world.core, world.who, "@default").stranded


def test_bad_changes_are_refused(world: World) -> None:
    with pytest.raises(NotFound):
        change(world, paused=True)
    world.submit({"a": []})
    for limit in (0, -1, queues.MOST + 1):
        with pytest.raises(Invalid):
            change(world, max_running=limit)
        with pytest.raises(Invalid):
            change(world, max_starts=limit)
    member = Principal(org_id=access.ORG, name="m", role="member", scopes=access.SCOPES["member"])
    with pytest.raises(Forbidden):
        queues.pause(world.core, member, "@default")
    assert RunState.QUEUED not in {run.state for run in world.runs(world.submit({"b": []}))}
