"""Wherever a process dies in submit, claim, record, cancel, pause, retry or sweep, is nothing left half done?

Every moment is tried: before and after each statement, after each commit, and around each message. Afterwards the
invariants hold, and the world comes to rest as it would have without the death.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.adapters.memory import MemoryStore
from app.domain.chords import RunWhen
from app.domain.job import Job
from app.services import access, control, fetching, query, rerun, sweep
from app.services.submit import Key
from app.services.sweep import Sweeper
from app.wire.claim import RunSpec
from app.wire.states import JOB_TERMINAL, RunState
from tests.invariants import assert_holds, check_world, read_world
from tests.replacing import replace
from tests.services.world import ALL, Node, World, shape, task
from tests.simulation.faults import Fuse, MortalBroker, MortalStore, ProcessDied

DIAMOND = {"top": [], "left": ["top"], "right": ["top"], "bottom": ["left", "right"]}


class MortalWorld(World):
    def __init__(self) -> None:
        super().__init__()
        self.fuse = Fuse()
        self.broker = MortalBroker(self.fuse)
        self.plain = MemoryStore(self.clock)
        self.store = MortalStore(self.plain, self.fuse)
        self.core = replace(self.core, store=self.store, broker=self.broker)

    def all_jobs(self) -> list[Job]:
        return query.jobs(self.core, self.who, ALL)

    def check_alive(self) -> None:
        """Queued runs that were left behind may be there until the sweep has come by."""
        assert_holds(check_world(read_world(self.plain, access.ORG), orphans=True))

    def rest(self, node: Node) -> None:
        """Time passes, and the node does all that is offered."""
        for _ in range(20):
            self.pass_time(6, node)
            fetching.step(self.core)
            self.drive(node)
            if all(job.state in JOB_TERMINAL for job in self.all_jobs()):
                break
        self.pass_time(24, node)
        assert_holds(check_world(read_world(self.plain, access.ORG)))


@dataclass(slots=True)
class Scene:
    """A world at the moment before the act, and the act, which may be done again."""

    world: MortalWorld
    node: Node
    act: Callable[[], object]
    may_end: frozenset[str] = frozenset({"succeeded"})


def submitting() -> Scene:
    world = MortalWorld()
    node = world.node()
    key = Key(route="jobs", key="k", body_hash="h")
    return Scene(world, node, lambda: world.submit(DIAMOND, key=key))


def claiming() -> Scene:
    world = MortalWorld()
    node = world.node()
    job = world.submit({"a": [], "b": []})
    ids = [run.id for run in world.runs(job)]
    world.broker.empty()
    return Scene(world, node, lambda: node.claim(*ids, claim_id="c"))


def recording(state: RunState, takes: int, released: bool = False) -> Scene:
    world = MortalWorld()
    node = world.node()
    world.submit([task("top", max_attempts=2), task("left", "top"), task("right", "top"), task("end", "left", "right")])
    node.take()
    spec = node.run_of("top")
    ending = node.ending(spec, state, takes=takes, released=released)

    def act() -> None:
        node.report(ending)
        node.held.pop(spec.run_id, None)

    return Scene(world, node, act)


def canceling() -> Scene:
    world = MortalWorld()
    node = world.node(cpu=1)
    job = world.submit({**DIAMOND, "other": []})
    node.take()
    return Scene(
        world, node, lambda: control.cancel_job(world.core, world.who, job.id), frozenset({"canceled", "succeeded"})
    )


def canceling_a_task() -> Scene:
    world = MortalWorld()
    node = world.node(cpu=1)
    job = world.submit({**DIAMOND, "other": []})
    top = world.task(job, "top").id

    def act() -> None:
        if not world.task(job, "top").ended:
            control.cancel_task(world.core, world.who, top)

    return Scene(world, node, act, frozenset({"canceled", "skipped", "succeeded"}))


def pausing() -> Scene:
    world = MortalWorld()
    node = world.node(cpu=1)
    job = world.submit({**DIAMOND, "other": []})
    node.take()

    def act() -> None:
        control.pause_job(world.core, world.who, job.id)
        control.resume_job(world.core, world.who, job.id)

    return Scene(world, node, act)


def retrying() -> Scene:
    world = MortalWorld()
    node = world.node(cpu=4)
    job = world.submit(DIAMOND)
    node.take()
    node.finish("top", RunState.FAILED)

    def act() -> None:
        if world.job(job).state in JOB_TERMINAL:
            rerun.retry_job(world.core, world.who, job.id)

    return Scene(world, node, act)


def sweeping() -> Scene:
    """All at once: a lost node, a due retry, a lost message, a cancel cut off, a shape that nobody can hold."""
    world = MortalWorld()
    dead, node = world.node("dead", cpu=1), world.node("alive", cpu=3)
    sweeper = Sweeper(holder="engine-1")
    world.submit([task("held"), task("below", "held")])
    dead.take()
    world.submit([task("big", shape=shape(9, 256)), task("under big", "big")])
    world.submit([task("again", max_attempts=2, retry_delay_s=40)])
    assert node.take() == ["again"]
    node.finish("again", RunState.FAILED)
    for second in range(60):
        world.clock.advance(1)
        if second % 5 == 0:
            node.beat()
        if second % 2 == 0 and second < 18:
            world.sweep(sweeper)
    world.submit([task("silent")])
    world.broker.empty()
    world.clock.advance(11)
    cut_off = world.submit({"c": [], "d": ["c"]})
    world.fuse.left = 8
    with pytest.raises(ProcessDied):
        control.cancel_job(world.core, world.who, cut_off.id)
    node.beat()
    ends = frozenset({"canceled", "succeeded", "failed", "skipped"})
    return Scene(world, node, lambda: sweep.step(world.core, sweeper), ends)


def with_a_map(**bounds: Any) -> tuple[MortalWorld, Node, str, RunSpec]:
    """One value runs, others wait or are not open yet, and a task waits for the map."""
    world = MortalWorld()
    node = world.node(cpu=1)
    values = list(range(5))
    of_map = task("m", type="map", values=values, max_attempts=2, payload={"x": "${{ map.value }}"}, **bounds)
    job = world.submit([of_map, task("below", "m", run_when=RunWhen.ALL_DONE)])
    node.take()
    return world, node, world.task(job, "m").id, node.run_of("m")


def recording_a_value(state: RunState, **bounds: Any) -> Scene:
    world, node, _, spec = with_a_map(**bounds)
    ending = node.ending(spec, state, takes=1)

    def act() -> None:
        node.report(ending)
        node.held.pop(spec.run_id, None)

    return Scene(world, node, act, frozenset({"failed", "succeeded"}))


def canceling_a_map() -> Scene:
    world, node, map_id, spec = with_a_map(max_concurrency=3)

    def act() -> None:
        if not query.task(world.core, world.who, map_id).task.cancel:
            control.cancel_task(world.core, world.who, map_id)
        if spec.run_id in node.held:
            ending = node.ending(spec, RunState.CANCELED)
            node.report(ending)
            node.held.pop(spec.run_id, None)

    return Scene(world, node, act, frozenset({"canceled", "succeeded"}))


def retrying_a_map() -> Scene:
    world, node, map_id, spec = with_a_map(max_concurrency=3, max_failed=0)
    del node.held[spec.run_id]
    node.report(node.ending(spec, RunState.FAILED))
    world.drive(node)

    def act() -> None:
        if query.task(world.core, world.who, map_id).task.ended:
            rerun.retry_task(world.core, world.who, map_id)

    return Scene(world, node, act)


def fetching_values() -> Scene:
    world = MortalWorld()
    node = world.node()
    world.core = replace(world.core, fetcher=Page())
    world.submit([task("m", type="map", values="https://example.org/list"), task("below", "m")])
    return Scene(world, node, lambda: fetching.step(world.core))


class Page:
    def fetch(self, url: str, most: int) -> Iterator[bytes]:
        yield b"[1, 2,"
        yield b"3]"


SCENES: dict[str, Callable[[], Scene]] = {
    "submit": submitting,
    "claim": claiming,
    "record a success": lambda: recording(RunState.SUCCEEDED, 0),
    "record and hand off": lambda: recording(RunState.SUCCEEDED, 1),
    "record a failure": lambda: recording(RunState.FAILED, 0),
    "record a release": lambda: recording(RunState.LOST, 0, released=True),
    "cancel a job": canceling,
    "cancel a task": canceling_a_task,
    "pause and resume": pausing,
    "retry": retrying,
    "sweep": sweeping,
    "record a value": lambda: recording_a_value(RunState.SUCCEEDED, max_concurrency=2),
    "record a value that failed": lambda: recording_a_value(RunState.FAILED, max_failed=0),
    "cancel a map": canceling_a_map,
    "retry a map": retrying_a_map,
    "fetch values": fetching_values,
}


def moments(scene: Scene) -> int:
    """How many moments the act has when nothing goes wrong."""
    scene.world.fuse.burnt = 0
    scene.act()
    return scene.world.fuse.burnt


@pytest.mark.parametrize("name", list(SCENES))
def test_death_at_any_moment_leaves_nothing_half_done(name: str) -> None:
    count = moments(SCENES[name]())
    assert count > 10
    for moment in range(count):
        scene = SCENES[name]()
        world = scene.world
        world.fuse.left = moment
        with pytest.raises(ProcessDied):
            scene.act()
        assert world.fuse.left is None
        world.check_alive()
        scene.act()  # whoever asked asks again
        world.check_alive()
        world.rest(scene.node)
        jobs = world.all_jobs()
        assert jobs, "the job that was asked for is there"
        for job in jobs:
            assert world.job(job).state in JOB_TERMINAL, f"moment {moment}: {world.states(job)}"
            assert set(world.states(job).values()) <= scene.may_end
