"""A node drains, asked to or by itself: it takes nothing new, and is seen to drain."""

from app.services import control, query
from app.wire.states import NodeState
from tests.services.world import World


def test_a_node_that_drains_by_itself_is_shown_so_and_given_nothing(world: World) -> None:
    node = world.node()
    node.beat(draining=True)
    assert query.node(world.core, world.who, node.id).state is NodeState.DRAINING
    job = world.submit({"a": []})
    assert node.take() == []
    assert world.states(job) == {"a": "ready"}
    node.beat()
    assert query.node(world.core, world.who, node.id).state is NodeState.ONLINE
    node.take()
    assert world.states(job) == {"a": "running"}


def test_what_an_operator_asked_for_outlasts_what_the_node_says(world: World) -> None:
    node = world.node()
    control.drain_node(world.core, world.who, node.id, True)
    assert node.beat().drain
    assert query.node(world.core, world.who, node.id).state is NodeState.DRAINING
    control.drain_node(world.core, world.who, node.id, False)
    node.beat()
    assert query.node(world.core, world.who, node.id).state is NodeState.ONLINE
