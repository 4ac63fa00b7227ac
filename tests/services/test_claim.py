"""Does each run start once, on one node, however often and from wherever it is asked for?"""

from collections.abc import Callable

import pytest

from app.domain.errors import NotFound
from app.domain.job import Job
from app.services import control
from app.wire.states import RunState
from tests.services.world import World, shape, task


def test_a_claim_gives_the_full_spec(world: World) -> None:
    node = world.node()
    job = world.submit([task("a", payload={"argv": ["x"]}, shape=shape(2, 512), time_limit_s=7)])
    assert node.take() == ["a"]
    spec = node.run_of("a")
    run = world.runs(job)[0]
    assert (spec.run_id, spec.fence, spec.attempt, spec.job_id) == (run.id, 1, 1, job.id)
    assert (spec.payload, spec.shape, spec.time_limit_s) == ({"argv": ["x"]}, shape(2, 512), 7)
    assert (run.state, run.node_id, run.claimed_at_us) == (RunState.RUNNING, "n1", world.clock.now_us)
    assert world.states(job) == {"a": "running"}
    world.check()


def test_a_doubled_message_claims_nothing(world: World) -> None:
    first, second = world.node("n1"), world.node("n2")
    job = world.submit({"a": []})
    run_id = world.runs(job)[0].id
    assert len(first.claim(run_id).runs) == 1
    assert second.claim(run_id).runs == ()
    assert first.claim(run_id, claim_id="another").runs == ()
    assert world.runs(job)[0].node_id == "n1"


def test_a_forged_message_claims_nothing(world: World) -> None:
    assert world.node().claim("no-such-run", "").runs == ()


def test_a_claim_whose_answer_was_lost_is_repeated_and_gets_the_same(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": []})
    ids = [run.id for run in world.runs(job)]
    first = node.claim(*ids, claim_id="c")
    assert node.claim(*ids, claim_id="c").runs == first.runs
    assert len(first.runs) == 2
    world.check()


def test_a_repeated_claim_is_answered_while_the_node_drains(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    run_id = world.runs(job)[0].id
    first = node.claim(run_id, claim_id="c")
    control.drain_node(world.core, world.who, "n1", True)
    assert node.claim(run_id, claim_id="c").runs == first.runs


def test_a_repeated_claim_gets_only_what_still_runs(world: World) -> None:
    node = world.node()
    job = world.submit({"a": [], "b": []})
    ids = [run.id for run in world.runs(job)]
    node.claim(*ids, claim_id="c")
    node.finish("a")
    assert [spec.task for spec in node.claim(*ids, claim_id="c").runs] == ["b"]


def test_a_node_must_be_registered(world: World) -> None:
    node = world.node()
    node.id = "stranger"
    with pytest.raises(NotFound, match="not registered"):
        node.claim("r")


def test_a_draining_node_gets_nothing(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    control.drain_node(world.core, world.who, "n1", True)
    assert node.claim(world.runs(job)[0].id).runs == ()
    control.drain_node(world.core, world.who, "n1", False)
    assert len(node.claim(world.runs(job)[0].id).runs) == 1


def test_a_claim_that_crosses_a_nodes_last_word_gets_nothing(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.beat(leaving=True)
    assert node.claim(world.runs(job)[0].id).runs == ()


@pytest.mark.parametrize("stop", [control.cancel_job, control.pause_job])
def test_what_is_canceled_or_paused_is_not_given_out(world: World, stop: Callable[..., Job]) -> None:
    node = world.node()
    job = world.submit({"a": []})
    run_id = world.runs(job)[0].id
    stop(world.core, world.who, job.id)
    assert node.claim(run_id).runs == ()
    assert world.runs(job)[0].state is RunState.CANCELED
    world.check()


def test_references_are_resolved_in_what_is_given(world: World) -> None:
    node = world.node()
    payload = {
        "frames": "${{ needs.list.outputs.params.frames }}",
        "text": "n=${{ needs.count.outputs.params.value }}",
        "size": "${{ job.parameters.size }}",
    }
    job = world.submit(
        [task("list"), task("count"), task("use", "list", "count", payload=payload)], parameters={"size": 1.5}
    )
    node.take_all()
    node.finish("list", result={"frames": [1, 2]})
    node.finish("count", result=7)
    node.take_all()
    assert node.run_of("use").payload == {"frames": [1, 2], "text": "n=7", "size": 1.5}
    assert world.states(job)["use"] == "running"


def test_a_reference_to_what_is_not_there_fails_the_task_and_not_the_node(world: World) -> None:
    node = world.node()
    job = world.submit(
        [
            task("a"),
            task("b", "a", payload="${{ needs.a.outputs.params.missing }}", max_attempts=1),
            task("c", "b"),
            task("d", "b", run_when="any_failed"),
        ]
    )
    world.drive(node)
    assert world.states(job) == {"a": "succeeded", "b": "failed", "c": "skipped", "d": "succeeded"}
    failure = world.task(job, "b").failure
    assert failure is not None
    assert failure.code == "unresolved_reference"
    assert "has no 'missing'" in failure.message
    assert node.held == {}
    world.check()


def test_a_reference_to_a_need_that_failed_says_so(world: World) -> None:
    node = world.node()
    job = world.submit([task("a"), task("b", "a", run_when="all_done", payload="${{ needs.a.outputs.params.x }}")])
    node.take()
    node.finish("a", RunState.FAILED)
    world.drive(node)
    failure = world.task(job, "b").failure
    assert failure is not None
    assert failure.message == "task 'a' is failed and has no result to refer to"


def test_a_bundle_is_claimed_as_one() -> None:
    world = World(max_bundle=8)
    node = world.node(cpu=1)
    warm = world.submit({"warm": []})
    node.take()
    node.finish("warm", wall_s=0.001)
    job = world.submit({str(n): [] for n in range(40)})
    names = node.take()
    assert len(names) == 8
    assert len({run.claim_id for run in world.runs(job) if run.state is RunState.RUNNING}) == 1
    assert world.job(warm).state == "succeeded"
    world.check()
