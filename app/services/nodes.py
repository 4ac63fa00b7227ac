"""Nodes come, stay alive, and go: registration and heartbeats.

A heartbeat renews the lease of all a node's runs in one statement and compares what the node holds with what the store
says it holds. Both ways of differing are mended: a run the store took away is named `stale` and its tree is killed; a
run the node does not know of (its claim's answer was lost) goes to another node.
"""

from collections.abc import Sequence
from dataclasses import replace

from app.domain import run as runs_
from app.domain.node import Node
from app.domain.run import Run
from app.ports.store import Writer
from app.services import points
from app.services.core import MICROSECONDS, Core
from app.services.finish import finish
from app.services.ledger import Ledger
from app.services.release import Offers, publish, release
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Registration
from app.wire.report import Ending, Failure
from app.wire.resources import Route
from app.wire.states import RunState

RESTARTED = Failure(code="node_restarted", message="its node stopped without warning and has started anew")
UNKNOWN_THERE = Failure(code="released", message="its node never got the answer to its claim")


def register(core: Core, asked: Registration) -> int:
    """The database's clock. What an earlier life of this node held is lost and runs elsewhere."""

    def work(tx: Writer) -> tuple[int, Offers]:
        known = tx.node(asked.node_id)
        tx.save_node(_registered(core, tx, asked, known))
        tx.save_cards(asked.node_id, asked.cards)
        core.fleet.refresh(tx, at_once=True)
        ledger = Ledger()
        lose(core, tx, tx.held([asked.node_id]), RESTARTED, ledger, released=False)
        offers = release(core, tx, tx.ready_routes(), ledger)
        ledger.write(tx)
        return tx.now_us, offers

    now_us, offers = core.store.write(work)
    publish(core, offers)
    return now_us


def _registered(core: Core, tx: Writer, asked: Registration, known: Node | None) -> Node:
    return Node(
        id=asked.node_id,
        name=asked.name,
        pid=asked.pid,
        incarnation=known.incarnation + 1 if known else 1,
        total=asked.total,
        free=asked.total,
        queues=asked.queues,
        tags=asked.tags,
        executors=asked.executors,
        version=asked.version,
        registered_at_us=tx.now_us,
        heartbeat_at_us=tx.now_us,
        lease_until_us=tx.now_us + int(core.clockwork.lease_s * MICROSECONDS),
        drain=known.drain if known else False,
    )


def beat(core: Core, node_id: str, said: Heartbeat) -> HeartbeatAnswer:
    """`known` is false in the answer when the node has to register first."""

    def work(tx: Writer) -> tuple[HeartbeatAnswer, Offers]:
        node = tx.node(node_id)
        if node is None:
            return HeartbeatAnswer(now_us=tx.now_us, known=False, drain=False), Offers()
        node = _beaten(core, tx, node, said)
        tx.save_node(node)
        points.note(tx, node, len(said.held))
        core.fleet.note_node(node)
        ledger = Ledger()
        stale = _reconcile(core, tx, node, said, ledger)
        offers = release(core, tx, tx.ready_routes(), ledger)
        ledger.write(tx)
        answer = HeartbeatAnswer(
            now_us=tx.now_us,
            known=True,
            drain=node.drain,
            cancel=tuple(tx.unwanted(node_id)),
            stale=stale,
            queues=_queues(tx, node),
        )
        return answer, offers

    answer, offers = core.store.write(work)
    publish(core, offers)
    return answer


def _beaten(core: Core, tx: Writer, node: Node, said: Heartbeat) -> Node:
    return replace(
        node,
        free=said.free,
        heartbeat_at_us=tx.now_us,
        lease_until_us=tx.now_us + int(core.clockwork.lease_s * MICROSECONDS),
        cpu_percent=said.cpu_percent,
        used_memory_bytes=said.used_memory_bytes,
        offline=said.leaving,
        draining=said.draining,
    )


def _reconcile(core: Core, tx: Writer, node: Node, said: Heartbeat, ledger: Ledger) -> tuple[str, ...]:
    ours = {run.id: run for run in tx.held([node.id])}
    theirs = {held.run_id: held.fence for held in said.held}
    # A claim's answer may still be on its way: only what the node should know by now counts as unknown to it.
    overdue_us = tx.now_us - int(2 * core.clockwork.heartbeat_s * MICROSECONDS)
    # With a node's last word there is nobody to get the answer any more.
    unknown = [
        run for run in ours.values() if said.leaving or (run.id not in theirs and (run.claimed_at_us or 0) < overdue_us)
    ]
    lose(core, tx, unknown, UNKNOWN_THERE, ledger, released=True)
    return tuple(run_id for run_id, fence in theirs.items() if run_id not in ours or ours[run_id].fence != fence)


def _queues(tx: Writer, node: Node) -> tuple[str, ...]:
    return tuple(key for key in tx.queued_routes() if node.serves(Route.parse(key)))


def lose(core: Core, tx: Writer, runs: Sequence[Run], why: Failure, ledger: Ledger, *, released: bool) -> set[str]:
    """End running runs as `lost` and try their tasks again; the routes that have ready tasks now."""
    if not runs:
        return set()
    locked = [run for run in tx.lock_runs([run.id for run in runs]) if run.state is RunState.RUNNING]
    ending = Ending(state=RunState.LOST, at_us=tx.now_us, failure=why, released=released)
    ended = [(runs_.end(run, ending, tx.now_us), ending) for run in locked]
    tx.save_runs([run for run, _ in ended])
    return {task.route for task in finish(core, tx, ended, ledger)}
