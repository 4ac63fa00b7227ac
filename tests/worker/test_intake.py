"""A node takes work that fits: never more than it has, and all of it comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wire.resources import Resources, Route
from worker.intake import ROTATION, Abilities, Allocation, Intake

TOTAL = Resources(cpu_milli=4000, memory_mib=4096)


def key(
    cpu_milli: int, memory_mib: int = 64, *, queue: str = "@default", tag: str = "", executor: str = "command"
) -> str:
    shape = Resources(cpu_milli=cpu_milli, memory_mib=memory_mib)
    return Route(queue=queue, tag=tag, executor=executor, version="", shape=shape).key


def make_intake(total: Resources = TOTAL, slots: int = 8, queues: tuple[str, ...] = ("@default",)) -> Intake:
    abilities = Abilities(
        total=total,
        slots=slots,
        queues=frozenset(queues),
        tags=frozenset({"gpu"}),
        executors=frozenset({"command", "python"}),
    )
    return Intake(abilities=abilities)


shapes = st.builds(key, st.integers(0, 5000), st.integers(0, 5000))
steps = st.lists(
    st.tuples(st.sampled_from(["take", "release", "drain", "hold"]), shapes, st.integers(0, 20)), max_size=60
)


@given(steps)
def test_what_is_taken_never_exceeds_the_total_and_all_of_it_comes_back(moves: list[tuple[str, str, int]]) -> None:
    intake, out, now = make_intake(), list[Allocation](), 0.0
    for move, route, number in moves:
        now += 1
        if move == "take":
            if route in intake.offer([route], now):
                taken = intake.take(route, now)
                assert taken is not None
                out.append(taken)
            elif not intake.open:
                assert intake.take(route, now) is None
        elif move == "release" and out:
            intake.release(out.pop(number % len(out)))
        elif move == "drain":
            intake.draining = not intake.draining
        elif move == "hold" and intake.serves(route):
            intake.hold_for(route, now + number)
        assert intake.free == intake.recomputed()
        assert intake.free.cpu_milli >= 0
        assert intake.free.memory_mib >= 0
        assert intake.busy == len(out) <= intake.abilities.slots
    for each in out:
        intake.release(each)
    assert intake.free == TOTAL


@given(st.lists(shapes, max_size=30, unique=True), st.integers(0, 10))
def test_only_routes_that_fit_what_is_free_are_offered(routes: list[str], pops: int) -> None:
    intake = make_intake()
    intake.take(key(1500, 1000), 0.0)
    for _ in range(pops):
        intake.offer(routes, 0.0)
    offered = intake.offer(routes, 1.0)
    assert set(offered) == {each for each in routes if Route.parse(each).shape.fits(intake.free)}


def test_the_largest_shape_comes_first() -> None:
    intake = make_intake()
    assert intake.offer([key(1000), key(4000), key(2000)], 0.0) == [key(4000), key(2000), key(1000)]


def test_memory_counts_for_the_size_as_cpu_does() -> None:
    intake = make_intake()
    assert intake.offer([key(1000, 64), key(100, 4096)], 0.0)[0] == key(100, 4096)


def test_every_few_pops_the_route_served_longest_ago_comes_first() -> None:
    intake = make_intake()
    first: list[str] = []
    for now in range(1, 2 * ROTATION + 1):
        best = intake.offer([key(1000), key(2000)], now)[0]
        first.append(best)
        taken = intake.take(best, now)
        assert taken is not None
        intake.release(taken)
    assert key(1000) in first
    assert first.count(key(2000)) > first.count(key(1000))


def test_a_full_node_offers_nothing() -> None:
    intake = make_intake(slots=2)
    for _ in range(2):
        assert intake.take(key(100), 0.0) is not None
    assert intake.offer([key(100)], 0.0) == []
    assert intake.take(key(100), 0.0) is None


@pytest.mark.parametrize("state", ["draining", "paused"])
def test_a_node_that_drains_or_lost_the_api_takes_nothing(state: str) -> None:
    intake = make_intake()
    setattr(intake, state, True)
    assert intake.offer([key(100)], 0.0) == []
    assert intake.take(key(100), 0.0) is None


@pytest.mark.parametrize(
    "route",
    [
        key(100, queue="other"),
        key(100, tag="windows"),
        key(100, executor="container"),
        key(5000),
        key(100, 8192),
        "celery",
        "a/b/c/d/e",
    ],
)
def test_routes_that_the_node_cannot_serve_are_left_to_others(route: str) -> None:
    intake = make_intake()
    assert not intake.serves(route)
    assert intake.offer([route], 0.0) == []
    assert intake.take(route, 0.0) is None


def test_a_star_serves_every_queue_and_a_tag_is_served_by_its_bearer() -> None:
    assert make_intake(queues=("*",)).serves(key(100, queue="other"))
    assert make_intake().serves(key(100, tag="gpu"))


def test_giving_back_twice_is_an_error() -> None:
    intake = make_intake()
    taken = intake.take(key(100), 0.0)
    assert taken is not None
    intake.release(taken)
    with pytest.raises(KeyError):
        intake.release(taken)


def test_a_shape_that_finds_no_room_for_long_is_starving() -> None:
    intake = make_intake()
    assert intake.take(key(1000), 0.0) is not None
    intake.listed([key(4000), key(1000)], 1.0)
    assert intake.starving(3.0, patience_s=5.0) is None
    assert intake.starving(7.0, patience_s=5.0) == key(4000)


def test_a_held_node_offers_only_shapes_as_large_until_the_hold_ends() -> None:
    intake = make_intake()
    routes = [key(4000), key(1000)]
    intake.hold_for(key(4000), until=10.0)
    assert intake.offer(routes, 9.0) == [key(4000)]
    assert set(intake.offer(routes, 10.0)) == set(routes)
