"""Does the size of a graph cost no more than its size?"""

import time
from collections import Counter

import pytest

from app.domain.chords import RunWhen
from app.services import control, rerun
from app.wire.states import RunState
from tests.services.world import World, task

DEEP, WIDE = 20_000, 10_000


def test_a_deep_chain_is_skipped_quickly() -> None:
    world = World()
    node = world.node()
    job = world.submit({str(n): [str(n - 1)] if n else [] for n in range(DEEP)})
    node.take()
    began = time.perf_counter()
    node.finish("0", RunState.FAILED)
    assert time.perf_counter() - began < 20
    assert +Counter(world.job(job).counts) == {"failed": 1, "skipped": DEEP - 1}


@pytest.mark.parametrize("run_when", [RunWhen.ALL_DONE, RunWhen.ALL_SUCCEEDED])
def test_a_wide_join_is_released_once(run_when: RunWhen) -> None:
    world = World()
    node = world.node(cpu=WIDE, memory_mib=10**9)
    names = [str(n) for n in range(WIDE)]
    job = world.submit([*(task(name) for name in names), task("join", *names, run_when=run_when)])
    ids = [run.id for run in world.runs(job)]
    assert len(ids) == WIDE
    began = time.perf_counter()
    for at in range(0, WIDE, 64):
        specs = node.claim(*ids[at : at + 64]).runs
        for spec in specs:
            del node.held[spec.run_id]
        node.report(*(node.ending(spec) for spec in specs))
    assert time.perf_counter() - began < 30
    assert len(world.runs(job, "join")) == 1
    assert world.states(job)["join"] == "queued"


def test_a_wide_fan_out_is_canceled_and_run_again_quickly() -> None:
    world = World()
    world.node(cpu=2)
    job = world.submit({"a": [], **{str(n): ["a"] for n in range(WIDE)}})
    began = time.perf_counter()
    control.cancel_job(world.core, world.who, job.id)
    rerun.retry_job(world.core, world.who, job.id)
    assert time.perf_counter() - began < 20
    world.check()
