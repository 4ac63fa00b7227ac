"""A node that speaks a form of the protocol that is not served: it is noted, so that people see why it is not there.

What it ran goes elsewhere at once when it has just started; one that was served before keeps its lease, and with it
its runs, until that is over.
"""

from dataclasses import replace
from typing import Final

from app.domain.node import Node
from app.ports.store import Writer
from app.services.core import Core
from app.services.ledger import Ledger
from app.services.nodes import RESTARTED, lose
from app.services.release import Offers, publish, release
from app.wire.codec import Json
from app.wire.resources import NOTHING

_LONGEST: Final = 200


def turn_away(core: Core, node_id: str, speaks: int, why: str, said: Json) -> None:
    """`said` is the message: a registration, or a heartbeat. Of its form only the names are relied on."""
    is_start = "name" in said

    def work(tx: Writer) -> Offers:
        known = tx.node(node_id)
        if known is None and not is_start:
            return Offers()
        node = known or _stranger(tx, node_id)
        node = replace(node, protocol=speaks, refused=why, heartbeat_at_us=tx.now_us)
        if is_start:
            node = replace(
                node,
                name=_word(said, "name") or node.name,
                version=_word(said, "version"),
                offline=True,
                free=node.total,
            )
        tx.save_node(node)
        core.fleet.note_node(node)
        ledger = Ledger()
        if is_start:
            lose(core, tx, tx.held([node_id]), RESTARTED, ledger, released=False)
        offers = release(core, tx, tx.ready_routes(), ledger)
        ledger.write(tx)
        return offers

    publish(core, core.store.write(work))


def _stranger(tx: Writer, node_id: str) -> Node:
    return Node(
        id=node_id,
        name=node_id,
        pid=0,
        incarnation=0,
        total=NOTHING,
        free=NOTHING,
        queues=(),
        tags=(),
        executors=(),
        version="",
        registered_at_us=tx.now_us,
        heartbeat_at_us=tx.now_us,
        lease_until_us=tx.now_us,
        offline=True,
    )


def _word(said: Json, key: str) -> str:
    value = said.get(key)
    return value[:_LONGEST] if isinstance(value, str) else ""
