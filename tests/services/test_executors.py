"""What the fleet offers: one item for each way in which an executor is offered, with the nodes that offer it so."""

from app.services import executors, nodes
from app.wire.cards import Card
from app.wire.heartbeat import Registration
from app.wire.resources import Resources
from tests.services.world import World

MESH = Card(name="mesh", kind="command", versions=("1", "2"), description="Meshes", parameters={"type": "object"})


def join(world: World, name: str, *cards: Card, also: tuple[str, ...] = ()) -> None:
    asked = Registration(
        node_id=name,
        name=name,
        pid=1,
        total=Resources(cpu_milli=1000, memory_mib=64),
        queues=("@default",),
        tags=(),
        executors=(*also, *(offer for card in cards for offer in card.offers)),
        version="1",
        cards=cards,
    )
    nodes.register(world.core, Registration.from_wire(asked.to_wire()))


def shown(world: World) -> list[tuple[Card, list[str]]]:
    return [(view.card, [node.name for node in view.nodes]) for view in executors.offered(world.core, world.who)]


def test_nodes_that_say_the_same_are_one_item(world: World) -> None:
    other = Card(name="mesh", kind="container", versions=("3",))
    join(world, "a", MESH)
    join(world, "b", other, MESH)
    assert shown(world) == [(MESH, ["a", "b"]), (other, ["b"])]


def test_an_executor_without_a_card_has_its_name_and_versions(world: World) -> None:
    join(world, "a", also=("plain", "plain@2"))
    assert shown(world) == [(Card(name="plain", versions=("2",)), ["a"])]


def test_what_a_node_no_longer_offers_is_gone(world: World) -> None:
    join(world, "a", MESH)
    join(world, "a", also=("plain",))
    assert [card.name for card, _ in shown(world)] == ["plain"]
