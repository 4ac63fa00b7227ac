"""Nodes: rows of the table `nodes`, their cards, and whose lease is over while it still holds runs."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import bindparam, exists, select, update
from sqlalchemy.dialects.postgresql import insert

from app.adapters.sql.part import Part
from app.adapters.sql.session import Row, dump
from app.adapters.sql.statement import Statement, is_one_of
from app.adapters.sql.tables import node_cards, nodes, runs
from app.domain.node import Node
from app.wire.cards import Card
from app.wire.resources import Resources
from app.wire.states import RunState

_put = insert(nodes)
_put_cards = insert(node_cards)

_all = Statement(select(nodes).order_by(nodes.c.name, nodes.c.id))
_by_id = Statement(select(nodes).where(nodes.c.id == bindparam("id")))
_locked = Statement(select(nodes).where(nodes.c.id == bindparam("id")).with_for_update())
_save = Statement(
    _put.on_conflict_do_update(index_elements=["id"], set_=dict(_put.excluded)),
    sets=[column.name for column in nodes.columns],
)
_renew = Statement(
    update(nodes).where(nodes.c.id == bindparam("k_id")).returning(nodes.c.id),
    sets=["lease_until_us", "free_cpu_milli", "free_memory_mib"],
)
_untaken = select(nodes.c.id).where(nodes.c.id == bindparam("k_id")).with_for_update(skip_locked=True)
_keep = Statement(
    update(nodes).where(nodes.c.id == _untaken.scalar_subquery()),
    sets=["lease_until_us", "free_cpu_milli", "free_memory_mib"],
)
_cards = Statement(select(node_cards))
_save_cards = Statement(
    _put_cards.on_conflict_do_update(index_elements=["node_id"], set_={"cards": _put_cards.excluded.cards}),
    sets=["node_id", "cards"],
)
_holds_runs = exists().where(is_one_of(runs.c.state, RunState.RUNNING.value), runs.c.node_id == nodes.c.id)
_expired = Statement(
    select(nodes)
    .where(nodes.c.offline.is_(False), nodes.c.lease_until_us < bindparam("now_us"), _holds_runs)
    .order_by(nodes.c.name, nodes.c.id)
)


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, ...]:
    """Kept: a fleet's nodes say much the same, and all of them are read every second."""
    return tuple(orjson.loads(text))


def _node_of(row: Row) -> Node:
    return Node(
        id=row[0],
        name=row[1],
        pid=row[2],
        incarnation=row[3],
        total=Resources(cpu_milli=row[4], memory_mib=row[5]),
        free=Resources(cpu_milli=row[6], memory_mib=row[7]),
        queues=_words(row[8]),
        tags=_words(row[9]),
        executors=_words(row[10]),
        version=row[11],
        registered_at_us=row[12],
        heartbeat_at_us=row[13],
        lease_until_us=row[14],
        drain=bool(row[15]),
        offline=bool(row[16]),
        cpu_percent=row[17],
        used_memory_bytes=row[18],
        draining=bool(row[19]),
        protocol=row[20] or 1,
        clock_skew_ms=row[21],
        refused=row[22] or "",
    )


class NodeReads(Part):
    def nodes(self) -> list[Node]:
        return [_node_of(row) for row in self._session.rows(_all)]

    def node(self, node_id: str) -> Node | None:
        row = self._session.row(_by_id, id=node_id)
        return None if row is None else _node_of(row)

    def cards(self) -> Mapping[str, Sequence[Card]]:
        return {row[0]: tuple(map(Card.from_wire, orjson.loads(row[1]))) for row in self._session.rows(_cards)}


class NodeWrites(Part):
    def node(self, node_id: str) -> Node | None:
        """Locked, since who reads one in a write saves all of it."""
        row = self._session.row(_locked, id=node_id)
        return None if row is None else _node_of(row)

    def save_node(self, node: Node) -> None:
        self._session.run(
            _save,
            id=node.id,
            name=node.name,
            pid=node.pid,
            incarnation=node.incarnation,
            total_cpu_milli=node.total.cpu_milli,
            total_memory_mib=node.total.memory_mib,
            free_cpu_milli=node.free.cpu_milli,
            free_memory_mib=node.free.memory_mib,
            queues=dump(node.queues),
            tags=dump(node.tags),
            executors=dump(node.executors),
            version=node.version,
            registered_at_us=node.registered_at_us,
            heartbeat_at_us=node.heartbeat_at_us,
            lease_until_us=node.lease_until_us,
            drain=node.drain,
            offline=node.offline,
            cpu_percent=node.cpu_percent,
            used_memory_bytes=node.used_memory_bytes,
            draining=node.draining,
            protocol=node.protocol,
            clock_skew_ms=node.clock_skew_ms,
            refused=node.refused,
        )

    def save_cards(self, node_id: str, cards: Sequence[Card]) -> None:
        self._session.run(_save_cards, node_id=node_id, cards=dump([card.to_wire() for card in cards]))

    def renew_lease(self, node_id: str, until_us: int, free: Resources) -> bool:
        return self._session.row(_renew, **_lease(node_id, until_us, free)) is not None

    def keep_lease(self, node_id: str, until_us: int, free: Resources) -> None:
        self._session.run(_keep, **_lease(node_id, until_us, free))

    def expired_nodes(self) -> list[Node]:
        return [_node_of(row) for row in self._session.rows(_expired, now_us=self.now_us)]


def _lease(node_id: str, until_us: int, free: Resources) -> dict[str, Any]:
    return {
        "k_id": node_id,
        "lease_until_us": until_us,
        "free_cpu_milli": free.cpu_milli,
        "free_memory_mib": free.memory_mib,
    }
