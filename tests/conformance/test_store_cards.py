"""What nodes say of their executors is kept whole, by node, and replaced by what they say next."""

from app.ports.store import Store
from app.wire.cards import Card

FULL = Card(
    name="mesh",
    kind="command",
    versions=("1", "2"),
    description="Meshes ö",
    parameters={"type": "object", "properties": {"part": {"type": "string"}}},
    requirements={"cpu": 2},
)


def test_cards_are_kept_by_node_and_replaced(store: Store) -> None:
    assert store.read(lambda tx: tx.cards()) == {}
    store.write(lambda tx: tx.save_cards("n1", [FULL, Card(name="plain")]))
    store.write(lambda tx: tx.save_cards("n2", []))
    found = store.read(lambda tx: tx.cards())
    assert {node_id: list(cards) for node_id, cards in found.items()} == {"n1": [FULL, Card(name="plain")], "n2": []}
    store.write(lambda tx: tx.save_cards("n1", [FULL]))
    assert list(store.read(lambda tx: tx.cards())["n1"]) == [FULL]
