"""Does time alone mend what messages and processes left behind, and nothing that was well?"""

import pytest

from app.services import control, nodes, sweep
from app.services.sweep import Sweeper
from app.wire.heartbeat import Heartbeat
from app.wire.states import JobState, RunState
from tests.services.world import World, shape, task


def test_a_dead_nodes_tasks_run_elsewhere_within_25_seconds(world: World) -> None:
    dead, other = world.node("dead"), world.node("other", cpu=8)
    job = world.submit({str(n): [] for n in range(4)})
    world.pass_time(30, dead, other)
    dead.take_all()
    died_us = world.clock.now_us
    while len(other.held) < 4 and world.clock.now_us < died_us + 60_000_000:
        world.pass_time(1, other)
        other.take_all()
    assert world.clock.now_us - died_us <= 25_000_000
    assert [run.state for run in world.runs(job) if run.node_id == "dead"] == [RunState.LOST] * 4
    world.check()


def test_a_node_that_beats_keeps_its_runs(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    world.pass_time(120, node)
    assert world.states(job) == {"a": "running"}
    assert len(world.runs(job)) == 1


def test_a_run_without_any_heartbeat_since_its_claim_is_reaped(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    world.pass_time(45)
    assert world.runs(job)[0].state is RunState.LOST


def test_reports_renew_the_lease_too(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    for _ in range(6):
        world.pass_time(15)
        node.report(node.news(node.run_of("a"), progress=0.1))
    assert world.states(job) == {"a": "running"}


def test_nobody_is_reaped_for_a_lease_after_the_sweeper_began(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    world.clock.advance(300)
    late = Sweeper(holder="engine-2")
    assert world.sweep(late).lost == 0
    world.clock.advance(19)
    assert world.sweep(late).lost == 0
    assert node.beat().stale == ()
    world.clock.advance(2)
    assert world.sweep(late).lost == 0
    assert world.states(job) == {"a": "running"}


def test_nobody_is_reaped_for_a_time_when_the_api_did_not_listen(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()

    def alive(seconds: int) -> None:
        for _ in range(seconds):
            world.clock.advance(1)
            world.store.write(lambda tx: tx.stamp(sweep.WEB_ALIVE))
            world.sweep()

    alive(10)
    world.pass_time(120)  # the engine lives, no web process does
    assert world.states(job) == {"a": "running"}
    alive(19)
    assert world.states(job) == {"a": "running"}
    alive(5)
    assert world.runs(job)[0].state is RunState.LOST


def test_reaping_goes_on_after_the_databases_clock_stepped_back(world: World) -> None:
    node = world.node()
    world.pass_time(60, node)
    world.clock.advance(-600)
    node.beat()
    job = world.submit({"a": []})
    node.take()
    world.pass_time(44)
    assert world.runs(job)[0].state is RunState.LOST
    world.check()


def test_a_message_that_was_lost_is_offered_again(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    world.broker.empty()
    world.pass_time(8, node)
    assert node.take() == []
    world.pass_time(4, node)
    assert node.take() == ["a"]
    assert len(world.runs(job)) == 1
    world.check()


def test_a_message_that_still_waits_is_not_doubled(world: World) -> None:
    node = world.node()
    world.submit({"a": []})
    world.pass_time(60, node)
    assert node.take() == ["a"]
    assert world.broker.take() is None


def test_nothing_is_offered_again_while_the_broker_is_away(world: World) -> None:
    node = world.node()
    world.submit({"a": []})
    world.broker.empty()
    world.broker.away = True
    world.pass_time(30, node)
    world.broker.away = False
    world.pass_time(2, node)
    assert node.take() == ["a"]


def test_a_lost_message_is_found_behind_hundreds_that_wait(world: World) -> None:
    """More offers lie unread in the broker than one pass looks at; one of another route was lost."""
    big, small = world.node("big", cpu=400, executors=("python",)), world.node("small")
    world.submit([task(str(n), executor="python") for n in range(700)])
    world.clock.advance(1)
    world.submit({"a": []})
    assert world.broker.take([key for key in world.broker.announced if "command" in key]) is not None
    world.pass_time(30, big, small)
    assert small.take() == ["a"]


def test_two_engines_do_not_both_publish(world: World) -> None:
    world.node()
    world.submit({"a": []})
    world.broker.empty()
    world.clock.advance(11)
    first, second = Sweeper(holder="one"), Sweeper(holder="two")
    assert world.sweep(first).offered_again == 1
    assert world.sweep(second).led is False
    assert sweep._offer_again(world.core) == 0


def test_another_engine_takes_over_when_the_leader_is_gone(world: World) -> None:
    first, second = Sweeper(holder="one"), Sweeper(holder="two")
    assert world.sweep(first).led
    world.clock.advance(9)
    assert not world.sweep(second).led
    assert world.sweep(first).led
    world.clock.advance(9)
    assert not world.sweep(second).led
    world.clock.advance(1)
    assert world.sweep(second).led
    assert not world.sweep(first).led
    assert first.listening_since_us is None


def test_due_retries_are_offered(world: World) -> None:
    node = world.node()
    world.submit([task("a", max_attempts=3, retry_delay_s=4)])
    node.take()
    node.finish("a", RunState.FAILED)
    world.clock.advance(6)
    assert world.sweep().offered == 1
    assert node.take() == ["a"]


# -- shapes that nobody can hold


def test_a_task_that_no_node_could_hold_fails_after_a_grace_and_says_why(world: World) -> None:
    node = world.node(cpu=4)
    job = world.submit([task("big", shape=shape(8, 256)), task("fits"), task("below", "big")])
    world.pass_time(58, node)
    assert world.states(job)["big"] == "ready"
    world.pass_time(6, node)
    assert world.states(job) == {"big": "failed", "fits": "queued", "below": "skipped"}
    failure = world.task(job, "big").failure
    assert failure is not None
    assert failure.code == "no_node_fits"
    assert failure.message == "no node fits: it needs 8 cpu and 256 MB; the largest node, n1, has 4 cpu and 8192 MB"
    world.check()


def test_a_node_that_joins_within_the_grace_saves_it(world: World) -> None:
    node = world.node(cpu=4)
    job = world.submit([task("big", shape=shape(8, 256))])
    world.pass_time(50, node)
    large = world.node("large", cpu=8)
    world.pass_time(60, node, large)
    assert large.take_all() == ["big"]
    assert world.states(job) == {"big": "running"}


def test_without_any_node_tasks_wait(world: World) -> None:
    job = world.submit({"a": []})
    world.pass_time(200)
    assert world.states(job) == {"a": "ready"}


def test_an_offer_whose_only_node_has_left_fails_too(world: World) -> None:
    able, other = world.node("able", cpu=8), world.node("other", cpu=1)
    job = world.submit([task("big", shape=shape(8, 256))])
    assert world.states(job) == {"big": "queued"}
    able.beat(leaving=True)
    world.pass_time(70, other)
    assert world.states(job) == {"big": "failed"}
    assert world.job(job).state is JobState.FAILED
    world.check()


# -- nodes that go


def test_a_node_that_leaves_gives_back_what_it_was_just_given(world: World) -> None:
    leaving, other = world.node("leaving"), world.node("other")
    job = world.submit({"a": []})
    leaving.take()
    leaving.held.clear()
    leaving.beat(leaving=True)
    assert world.task(job, "a").crashes == 0
    assert other.take() == ["a"]
    world.check()


def test_a_hand_off_that_crossed_a_nodes_last_word_is_found(world: World) -> None:
    gone, other = world.node("gone"), world.node("other")
    job = world.submit({"a": [], "b": ["a"]})
    gone.take()
    ending = gone.ending(gone.run_of("a"), takes=1)
    gone.report(ending)
    presented = Heartbeat(
        free=gone.total, held=(), draining=True, cpu_percent=0, used_memory_bytes=0, idle_s=0, leaving=True
    )
    nodes.beat(world.core, "gone", presented)
    gone.report(ending)
    world.pass_time(46, other)
    world.drive(other)
    assert set(world.states(job).values()) == {"succeeded"}
    world.check()


def test_a_node_that_starts_anew_has_lost_what_it_held(world: World) -> None:
    node = world.node()
    job = world.submit({"a": []})
    node.take()
    old = node.run_of("a")
    node.register()
    assert world.task(job, "a").crashes == 1
    assert node.report(node.ending(old)).stale == (old.run_id,)
    assert node.take() == ["a"]
    world.check()


def test_a_run_whose_claim_was_never_answered_goes_elsewhere_after_a_lease(world: World) -> None:
    deaf, other = world.node("deaf"), world.node("other")
    job = world.submit({"a": []})
    deaf.take()
    deaf.held.clear()
    world.pass_time(20, deaf, other)
    assert world.states(job) == {"a": "running"}
    world.pass_time(5, deaf, other)
    assert world.task(job, "a").crashes == 0
    assert other.take() == ["a"]
    world.check()


def test_a_beat_names_what_is_no_longer_the_nodes_own(world: World) -> None:
    slow, other = world.node("slow"), world.node("other")
    world.submit({"a": []})
    slow.take()
    run_id = slow.run_of("a").run_id
    world.pass_time(44, other)
    assert slow.beat().stale == (run_id,)


def test_a_beat_of_an_unknown_node_asks_it_to_register(world: World) -> None:
    node = world.node()
    node.id = "stranger"
    answer = node.beat()
    assert (answer.known, answer.queues) == (False, ())


def test_a_beat_tells_the_queues_and_the_drain(world: World) -> None:
    node = world.node()
    world.submit([task("a"), task("b", executor="python")])
    queues = node.beat().queues
    assert [key.split("/")[2] for key in queues] == ["command"]
    control.drain_node(world.core, world.who, "n1", True)
    assert world.broker.nudged == {"n1"}
    assert node.beat().drain is True
    assert node.beat(draining=True).drain is True


@pytest.mark.parametrize("leaving", [False, True])
def test_a_drained_node_stays_drained_over_its_restart_and_can_be_taken_back(world: World, leaving: bool) -> None:
    node = world.node()
    control.drain_node(world.core, world.who, "n1", True)
    node.beat(leaving=leaving)
    node.register()
    assert node.beat().drain is True
    control.drain_node(world.core, world.who, "n1", False)
    world.clock.advance(2)
    world.submit({"a": []})
    assert node.take() == ["a"]
