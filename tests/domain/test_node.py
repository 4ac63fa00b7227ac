"""What can a node serve, how alive is it, and why does no node fit?"""

import pytest

from app.domain.node import Node, slots, unfit_reason
from app.wire.resources import Resources, Route
from app.wire.states import NodeState
from tests.replacing import replace


def shape(cpu: float, memory_mib: int) -> Resources:
    return Resources(cpu_milli=int(cpu * 1000), memory_mib=memory_mib)


NODE = Node(
    id="n1",
    name="ant",
    pid=1,
    incarnation=1,
    total=shape(4, 8192),
    free=shape(4, 8192),
    queues=("@default",),
    tags=("linux",),
    executors=("command", "python", "python@3"),
    version="1",
    registered_at_us=0,
    heartbeat_at_us=10_000_000,
    lease_until_us=30_000_000,
)
ROUTE = Route(queue="@default", tag="", executor="command", version="", shape=shape(1, 256))


@pytest.mark.parametrize(
    ("route", "serves"),
    [
        (ROUTE, True),
        (replace(ROUTE, shape=NODE.total), True),
        (replace(ROUTE, shape=shape(4.001, 1)), False),
        (replace(ROUTE, shape=shape(1, 8193)), False),
        (replace(ROUTE, tag="linux"), True),
        (replace(ROUTE, tag="gpu"), False),
        (replace(ROUTE, queue="other"), False),
        (replace(ROUTE, executor="container"), False),
        (replace(ROUTE, executor="python", version="3"), True),
        (replace(ROUTE, executor="python", version="4"), False),
        (replace(ROUTE, version="3"), False),
    ],
)
def test_what_a_node_serves(route: Route, serves: bool) -> None:
    assert NODE.serves(route) is serves


def test_a_star_is_every_queue() -> None:
    assert replace(NODE, queues=("*",)).serves(replace(ROUTE, queue="any"))


def test_slots_are_what_fits_all_nodes_that_serve() -> None:
    big = replace(NODE, total=shape(8, 1024))
    deaf = replace(NODE, queues=("other",))
    assert slots([NODE, big, deaf], replace(ROUTE, shape=shape(1, 512))) == 4 + 2


@pytest.mark.parametrize(
    ("now_us", "changes", "state"),
    [
        (10_000_000, {}, NodeState.ONLINE),
        (20_000_000, {}, NodeState.ONLINE),
        (20_000_001, {}, NodeState.LATE),
        (30_000_000, {}, NodeState.LATE),
        (30_000_001, {}, NodeState.LOST),
        (10_000_000, {"drain": True}, NodeState.DRAINING),
        (30_000_001, {"drain": True}, NodeState.LOST),
        (30_000_001, {"offline": True}, NodeState.OFFLINE),
    ],
)
def test_how_alive_a_node_is(now_us: int, changes: dict[str, bool], state: NodeState) -> None:
    assert replace(NODE, drain="drain" in changes, offline="offline" in changes).state(now_us, 5_000_000) is state


@pytest.mark.parametrize(
    ("route", "words"),
    [
        (
            replace(ROUTE, executor="container"),
            "no node offers the executor 'container'; offered are: command, python, python@3",
        ),
        (
            replace(ROUTE, executor="python", version="4"),
            "no node offers the executor 'python@4'; offered are: command, python, python@3",
        ),
        (replace(ROUTE, queue="other"), "no node that offers 'command' serves the queue 'other'"),
        (replace(ROUTE, tag="gpu"), "no node that serves the queue '@default' has the tag 'gpu'"),
        (
            replace(ROUTE, shape=shape(5, 100)),
            "no node fits: it needs 5 cpu and 100 MB; the largest node, ant, has 4 cpu and 8192 MB",
        ),
    ],
)
def test_why_no_node_fits(route: Route, words: str) -> None:
    small = replace(NODE, name="bee", total=shape(1, 100))
    assert unfit_reason(route, [small, NODE]) == words


def test_without_nodes_none_is_offered() -> None:
    assert unfit_reason(ROUTE, []) == "no node offers the executor 'command'; offered are: none"
