"""Is everything told that waits for somebody, and nothing that does not?"""

import pytest

from app.ports.records import Page
from app.services import suspicion
from app.services.attention import Attention, attention
from app.services.node_page import node_page
from app.services.strips import failed_values, strip
from app.services.task_page import run_page, task_page
from app.services.turning_away import turn_away
from app.wire.report import LogLine
from app.wire.states import RunState, TaskState
from app.wire.usage import Usage
from tests.services.world import Node, World, shape, task


def seen(world: World) -> Attention:
    return attention(world.core, world.who)


def say(world: World, node: Node, name: str, text: str, line: int) -> None:
    said = LogLine(line=line, at_us=world.clock.now_us, stream="stdout", level="info", text=text)
    node.report(node.news(node.run_of(name), started_at_us=world.clock.now_us, lines=(said,)))


def test_a_calm_fleet_needs_nobody(world: World) -> None:
    node = world.node()
    world.submit({"a": []})
    assert seen(world).waiting == []  # it is about to start
    node.take()
    found = seen(world)
    assert found.urgent == 0
    assert [*found.waiting, *found.slow, *found.large, *found.silent, *found.tried, *found.crashed] == []


def test_what_no_node_can_run_is_blocked_and_comes_first(world: World) -> None:
    node = world.node(cpu=1)
    world.submit({"a": []}, name="runs")
    node.take()
    world.submit({"b": []}, name="waits its turn")
    world.submit([task("c", shape=shape(64))], name="never")
    found = seen(world)
    assert [(each.job.name, each.blocked) for each in found.waiting] == [("never", True), ("waits its turn", False)]
    assert found.waiting[0].reasons[0].code == "no_node_fits"
    assert found.urgent == 1


def test_one_task_stands_for_all_of_its_kind(world: World) -> None:
    world.submit({f"n{number}": [] for number in range(50)})
    assert [each.task.name for each in seen(world).waiting] == ["n0"]


def test_runs_near_their_limits_are_told(world: World) -> None:
    node = world.node()
    world.submit([task("a", time_limit_s=100, shape=shape(1, 100))])
    node.take()
    node.report(node.news(node.run_of("a"), started_at_us=world.clock.now_us))
    world.clock.advance(79)
    node.beat()
    assert not seen(world).slow
    world.clock.advance(2)
    node.report(node.news(node.run_of("a"), usage=Usage(current_rss_bytes=85 << 20)))
    found = seen(world)
    assert [(round(each.used), each.limit) for each in found.slow] == [(81, 100)]
    assert [each.used for each in found.large] == [85 << 20]
    assert found.urgent == 2


def test_a_log_that_goes_silent_is_told(world: World) -> None:
    node = world.node()
    world.submit({"talks": [], "mute": []})
    node.take_all()
    node.report(node.news(node.run_of("mute"), started_at_us=world.clock.now_us))
    for line in range(1, 6):
        world.clock.advance(1)
        say(world, node, "talks", "still here", line)
    world.clock.advance(299)
    assert not seen(world).silent
    world.clock.advance(2)
    (silent,) = seen(world).silent
    assert silent.task.task.name == "talks"


def test_a_log_that_was_always_slow_is_not_silent_yet(world: World) -> None:
    node = world.node()
    world.submit({"slow": []})
    node.take()
    node.report(node.news(node.run_of("slow"), started_at_us=world.clock.now_us))
    world.clock.advance(200)
    say(world, node, "slow", "one epoch", 1)
    world.clock.advance(1000)
    assert not seen(world).silent
    world.clock.advance(1001)
    assert seen(world).silent


def test_retries_crashes_and_missing_nodes_are_told(world: World) -> None:
    world.submit([task("a", max_attempts=5)])
    node = world.node()
    for _ in range(2):
        node.take()
        node.finish("a", RunState.FAILED)
        world.pass_time(120, node)
    node.take()
    assert [each.run.number for each in seen(world).tried] == [3]
    world.pass_time(14)
    assert [view.node.name for view in seen(world).nodes] == ["n1"]
    world.clock.advance(25 * 3600)
    assert not seen(world).nodes


def test_a_node_that_was_refused_is_told_until_it_is_served(world: World) -> None:
    turn_away(world.core, "n1", 99, "upgrade the API first", {"name": "n1"})
    (view,) = seen(world).nodes
    assert (view.node.name, view.node.refused, view.node.takes_work) == ("n1", "upgrade the API first", False)
    world.node("n1")
    assert not seen(world).nodes


def test_a_task_that_was_given_up_is_told(world: World) -> None:
    job = world.submit({"poison": []})
    for number in range(3):
        node = world.node(f"n{number}")
        node.take_all()
        world.pass_time(60)
        node.beat(leaving=True)
    assert world.states(job) == {"poison": "failed"}
    assert [each.name for each in seen(world).crashed] == ["poison"]


def test_a_node_says_what_it_could_take(world: World) -> None:
    node = world.node(cpu=2)
    world.submit([task("large", shape=shape(2)), task("other", executor="python")])
    assert [(each.task.name, each.fits) for each in node_page(world.core, world.who, "n1").candidates] == [
        ("large", True)
    ]
    node.take()
    node.beat()
    world.submit({"small": []})
    page = node_page(world.core, world.who, "n1")
    assert [view.task.name for _, view in page.runs] == ["large"]
    assert [(each.task.name, each.fits) for each in page.candidates] == [("small", False)]


def test_a_node_s_day_is_noted_by_the_minute_and_forgotten(world: World) -> None:
    node = world.node()
    for _ in range(3):
        node.beat()
    assert len(node_page(world.core, world.who, "n1").points) == 1
    world.clock.advance(60)
    node.beat()
    assert len(node_page(world.core, world.who, "n1").points) == 2
    world.clock.advance(25 * 3600)
    node.beat()
    assert len(node_page(world.core, world.who, "n1").points) == 1


def test_a_map_is_told_as_a_strip(world: World) -> None:
    job = world.submit([task("m", type="map", values=[0] * 500, max_failed=500, max_concurrency=20)])
    node = world.node(cpu=64)
    task_id = world.task(job, "m").id
    world.sweep()
    node.take_all()
    spec = next(each for each in node.held.values() if each.map_index == 7)
    node.report(node.ending(node.held.pop(spec.run_id), RunState.FAILED))
    parts = strip(world.core, world.who, task_id)
    assert (parts[0].first, parts[-1].last) == (0, 499)
    assert sum(sum(part.counts.values()) for part in parts) == 500
    assert next(part for part in parts if part.first <= 7 <= part.last).counts[TaskState.FAILED] == 1
    assert sum(part.counts.get(TaskState.SUCCEEDED, 0) for part in parts) == 0
    assert [one.index for one in failed_values(world.core, world.who, task_id, Page(limit=5))] == [7]
    while node.held or node.take_all():
        for each in list(node.held.values()):
            node.report(node.ending(node.held.pop(each.run_id)))
    parts = strip(world.core, world.who, task_id)
    assert sum(part.counts.get(TaskState.SUCCEEDED, 0) for part in parts) == 499


def test_a_run_of_a_map_has_the_attempts_of_its_value_alone(world: World) -> None:
    job = world.submit([task("m", type="map", values=["a", "b"], max_attempts=2)])
    node = world.node()
    node.take_all()
    spec = next(each for each in node.held.values() if each.map_index == 1)
    node.report(node.ending(node.held.pop(spec.run_id), RunState.FAILED))
    world.pass_time(10, node)
    node.take_all()
    again = next(each for each in node.held.values() if each.map_index == 1)
    page = run_page(world.core, world.who, again.run_id)
    assert [(run.number, run.map_index) for run in page.attempts] == [(1, 1), (2, 1)]
    assert page.value == "b"
    assert task_page(world.core, world.who, world.task(job, "m").id).shown is None


@pytest.mark.parametrize(
    ("text", "is_error"),
    [
        ("ERROR: disk full", True),
        ("ValueError: matrix is singular", True),
        ("Traceback (most recent call last):", True),
        ("kernel panic - not syncing", True),
        ("done, 0 errors", False),
        ("no error", False),
        ("<img onerror=x>", False),
        ("terrorists", False),
    ],
)
def test_an_error_is_known_by_its_words(text: str, is_error: bool) -> None:
    assert suspicion.is_error(text) is is_error
