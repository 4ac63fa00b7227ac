"""What can tasks ask for? The executors that the fleet's nodes offer, with what their cards say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.node import Node
from app.ports.store import Reader
from app.services.access import Principal
from app.services.core import Core
from app.wire.cards import Card


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorView:
    """One card and the nodes that show it. Nodes whose cards differ offer two things under one name."""

    card: Card
    nodes: tuple[Node, ...]


def offered(core: Core, who: Principal) -> list[ExecutorView]:
    """By name, then versions; what nodes that have gone offered is not there."""
    who.require("jobs:read")
    return core.store.read(_offered)


def _offered(tx: Reader) -> list[ExecutorView]:
    known = tx.cards()
    by_name: dict[str, list[tuple[Card, list[Node]]]] = {}
    for node in tx.nodes():
        for card in () if node.offline else _cards(node, known):
            same = by_name.setdefault(card.name, [])
            showing = next((nodes for other, nodes in same if other == card), None)
            if showing is None:
                same.append((card, [node]))
            else:
                showing.append(node)
    views = [ExecutorView(card=card, nodes=tuple(nodes)) for same in by_name.values() for card, nodes in same]
    return sorted(views, key=lambda view: (view.card.name, view.card.versions))


def _cards(node: Node, known: Mapping[str, Sequence[Card]]) -> list[Card]:
    """Of what it offers. An executor without a card has its name and versions."""
    cards = [card for card in known.get(node.id, ()) if card.name in node.executors]
    said = {card.name for card in cards}
    versions: dict[str, list[str]] = {}
    for offer in node.executors:
        name, _, version = offer.partition("@")
        versions.setdefault(name, []).extend([version] if version else [])
    return [*cards, *(Card(name=name, versions=tuple(has)) for name, has in versions.items() if name not in said)]
