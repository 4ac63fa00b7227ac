"""Does nobody wait for longer than his share of the fleet makes him, whatever others have waiting?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from app.adapters import sql
from app.domain.job import Job, JobSpec
from app.domain.task import Task, TaskSpec
from app.ports.store import Store, Writer
from app.services import access, control, submit
from app.services.access import ORG, Principal
from app.services.shares import _Line
from tests.conformance import values
from tests.servers import PostgresServer
from tests.services.world import Node, World, shape, task

OTHER = "00000000-0000-7000-8000-00000000000a"


def who(org_id: str) -> Principal:
    return Principal(org_id=org_id, name="somebody", role="member", scopes=access.SCOPES["member"])


def give(world: World, org_id: str, *tasks: TaskSpec, **job: Any) -> Job:
    return submit.submit(world.core, who(org_id), "@default", JobSpec(name="job", tasks=tasks, **job))


def many(prefix: str, count: int, **changed: Any) -> list[TaskSpec]:
    return [task(f"{prefix}{n}", **changed) for n in range(count)]


def step(world: World, node: Node) -> list[str]:
    """One run ends and its slot goes on; the names of the runs that began."""
    began = node.take_all()
    spec = next(iter(node.held.values()))
    del node.held[spec.run_id]
    handed = node.report(node.ending(spec, takes=1)).handoffs.values()
    world.clock.advance(1)
    node.beat()
    return began + [given.task for runs in handed for given in runs]


def drive(world: World, node: Node, count: int) -> list[str]:
    """The names of the next so many runs, in the order in which they began."""
    order: list[str] = []
    while len(order) < count:
        order += step(world, node)
    return order


@pytest.fixture(params=[True, False], ids=["handoff", "broker alone"])
def shared(request: pytest.FixtureRequest) -> World:
    return World(handoff=request.param)


def test_one_task_of_another_waits_for_one_slot_at_most(shared: World) -> None:
    node = shared.node(cpu=1)
    give(shared, ORG, *many("a", 500))
    assert len(drive(shared, node, 5)) >= 5
    give(shared, OTHER, task("single"))
    assert "single" in drive(shared, node, 3)
    shared.check()


def test_two_that_wait_share_alike_however_much_each_has(shared: World) -> None:
    node = shared.node(cpu=4)
    give(shared, ORG, *many("a", 400))
    give(shared, OTHER, *many("b", 40))
    order = drive(shared, node, 60)
    first = order[8:40]  # after what was out before the second one came
    assert 12 <= sum(name.startswith("b") for name in first) <= 20


def test_priority_goes_before_the_share(shared: World) -> None:
    node = shared.node(cpu=1)
    give(shared, ORG, *many("a", 50, priority=90))
    give(shared, OTHER, *many("b", 50, priority=10))
    order = drive(shared, node, 20)
    assert sum(name.startswith("b") for name in order) == 0


def test_who_has_much_of_the_memory_has_much(shared: World) -> None:
    """The dominant part counts: two runs with most of the memory are more than three with most of the cpus."""
    node = shared.node(cpu=8, memory_mib=8192)
    give(shared, ORG, *many("large", 20, shape=shape(1, 3072)))
    assert len(node.take_all()) == 2
    give(shared, ORG, *many("a", 20))
    give(shared, OTHER, *many("b", 20))
    small = [name for name in drive(shared, node, 24) if name[0] in "ab"][12:18]  # behind what was out before
    assert sum(name.startswith("b") for name in small) >= 4


def test_one_whose_jobs_are_paused_keeps_nobody(shared: World) -> None:
    node = shared.node(cpu=1)
    paused = give(shared, OTHER, *many("p", 20))
    control.pause_job(shared.core, who(OTHER), paused.id)
    give(shared, ORG, *many("a", 10))
    assert set(drive(shared, node, 10)) == {f"a{n}" for n in range(10)}


def test_a_hand_off_passes_over_no_higher_priority() -> None:
    """Also when something lower has been out for long and nobody took it."""
    world = World()
    node = world.node(cpu=1)
    give(world, ORG, *many("a", 10))
    node.take()
    world.clock.advance(2)
    give(world, ORG, task("urgent", priority=90))
    spec = next(iter(node.held.values()))
    del node.held[spec.run_id]
    answer = node.report(node.ending(spec, takes=1))
    assert [each.task for runs in answer.handoffs.values() for each in runs] == ["urgent"]


def test_long_chains_go_first_by_what_their_executors_take() -> None:
    world = World()
    slow, quick = world.node("slow", cpu=1, executors=("slow",)), world.node("quick", cpu=1, executors=("quick",))
    world.submit([task("s", executor="slow"), task("q", executor="quick")])
    slow.take()
    quick.take()
    slow.finish("s", wall_s=60.0)
    quick.finish("q", wall_s=0.01)
    job = world.submit(
        [
            task("long", executor="quick"),
            *[task(f"l{n}", "long" if not n else f"l{n - 1}", executor="quick") for n in range(5)],
            task("heavy", executor="quick"),
            task("work", "heavy", executor="slow"),
        ]
    )
    heights = {name: each.height for name, each in world.tasks(job).items()}
    assert heights["heavy"] > 60_000 > heights["long"] > heights["l0"]
    assert quick.take()[0] == "heavy"


@pytest.fixture(params=["sqlite", "postgresql"])
def real(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path}/s.db"
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database() as name:
            sql.upgrade(server.url(name))
            store = sql.open_store(server.url(name), threads=2)
            yield store
            store.close()
        return
    sql.upgrade(url)
    store = sql.open_store(url, threads=2)
    yield store
    store.close()


def test_in_a_real_store_a_large_job_delays_nobody(real: Store) -> None:
    """5,000 tasks of one organization wait, many runs of them end, and one task of another comes."""
    world = World(store=real)
    node = world.node(cpu=2)
    give(world, ORG, *many("a", 5000))
    assert len(drive(world, node, 40)) >= 40
    give(world, OTHER, task("single"))
    assert "single" in drive(world, node, 5)


def test_what_is_out_where_nobody_has_room_is_handed_over_before_what_is_ready() -> None:
    """What was offered first should run first, and nobody else can come for it."""
    world = World()
    node = world.node(cpu=1)
    give(world, ORG, task("running"))
    node.take()
    give(world, ORG, task("early"))  # one is out even where there is no room
    give(world, ORG, task("late"))
    world.clock.advance(0.2)
    spec = next(iter(node.held.values()))  # a slot that asks keeps its room
    answer = node.report(node.ending(spec, takes=1))
    assert [each.task for runs in answer.handoffs.values() for each in runs] == ["early"]


def test_what_a_slot_that_is_idle_may_have_popped_is_left_to_it() -> None:
    world = World()
    node, idle = world.node(cpu=1), world.node("idle", cpu=1)
    give(world, ORG, task("running"))
    node.take()
    give(world, ORG, *many("early", 8))
    world.clock.advance(0.2)
    out = {run.task_id for run in world.store.write(lambda tx: tx.stale_offers(world.clock.now_us, 9))}
    spec = next(iter(node.held.values()))  # a slot that asks keeps its room
    answer = node.report(node.ending(spec, takes=1))
    given = {each.task_id for runs in answer.handoffs.values() for each in runs}
    assert out
    assert not given & out
    assert idle.take()


class Overtaken:
    """A store in which others make a better task ready between two questions."""

    tasks = tuple(values.task(seq, values.job(1), seq) for seq in range(4))

    def lock_ready(self, route: str, limit: int, org_id: str) -> list[Task]:
        return list(self.tasks[1:3] if limit == 2 else self.tasks)


def test_no_task_is_given_twice_where_a_better_one_comes_meanwhile() -> None:
    line = _Line(cast("Writer", Overtaken()), "route", ORG, 2, 4)
    given = []
    while task := line.head():
        given.append(task.seq)
        line.take()
    assert given == [1, 2, 0, 3]
