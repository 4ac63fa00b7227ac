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
        node = _registered(core, tx, asked, known)
        tx.save_node(node)
        tx.save_cards(asked.node_id, asked.cards)
        core.fleet.refresh(tx)
        core.fleet.note_node(node)
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
        protocol=asked.protocol,
    )


def beat(core: Core, node_id: str, said: Heartbeat) -> HeartbeatAnswer:
    """`known` is false in the answer when the node has to register first."""
    return beats(core, [(node_id, said)])[0]


def beats(core: Core, said: Sequence[tuple[str, Heartbeat]]) -> list[HeartbeatAnswer]:
    """Those of several nodes in one transaction, each node at most once; the answers in the order of what they said."""
    in_order = sorted(said, key=lambda one: one[0])

    def work(tx: Writer) -> tuple[dict[str, HeartbeatAnswer], Offers]:
        known = {node_id: node for node_id, one in in_order if (node := _note(core, tx, node_id, one)) is not None}
        ledger = Ledger()
        routes: set[str] = set()
        stale: dict[str, tuple[str, ...]] = {}
        for node_id, one in in_order:
            if node_id in known:
                stale[node_id], lost = _reconcile(core, tx, known[node_id], one, ledger)
                # The beats of a large fleet come by the hundred a second: one of them looks for all that waits.
                freed = core.fleet.note_free(node_id, one.free)
                core.fleet.note_node(known[node_id])
                routes |= lost
                if core.fleet.look_due(tx.now_us) or freed:
                    routes |= set(tx.ready_routes())
        offers = release(core, tx, routes, ledger)
        ledger.write(tx)
        queued = [Route.parse(key) for key in tx.queued_routes()]
        return {
            node_id: _answer(tx, known.get(node_id), stale.get(node_id, ()), queued) for node_id, _ in in_order
        }, offers

    answers, offers = core.store.write(work)
    publish(core, offers)
    return [answers[node_id] for node_id, _ in said]


def _note(core: Core, tx: Writer, node_id: str, said: Heartbeat) -> Node | None:
    """The node as it is with what it said, written; None when it has to register first."""
    before = tx.node(node_id)
    if before is None:
        return None
    node = _beaten(core, tx, before, said)
    tx.save_node(node)
    if points.wanted(before, tx.now_us):
        points.note(tx, node, len(said.held))
    return node


def _answer(tx: Writer, node: Node | None, stale: tuple[str, ...], queued: Sequence[Route]) -> HeartbeatAnswer:
    if node is None:
        return HeartbeatAnswer(now_us=tx.now_us, known=False, drain=False)
    return HeartbeatAnswer(
        now_us=tx.now_us,
        known=True,
        drain=node.drain,
        cancel=tuple(tx.unwanted(node.id)),
        stale=stale,
        queues=tuple(route.key for route in queued if node.serves(route)),
    )


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
        protocol=said.protocol,
        clock_skew_ms=said.clock_skew_ms,
        refused="",
    )


def _reconcile(core: Core, tx: Writer, node: Node, said: Heartbeat, ledger: Ledger) -> tuple[tuple[str, ...], set[str]]:
    """Runs that are the node's no more, and routes on which there is more to release."""
    ours = {run.id: run for run in tx.held([node.id])}
    theirs = {held.run_id: held.fence for held in said.held}
    # A claim's answer may still be on its way, or this beat may have been: a node repeats one that is not answered in
    # time, and what it had said before a claim comes after it. Only what it must know by now counts as unknown to it.
    overdue_us = tx.now_us - int(core.clockwork.lease_s * MICROSECONDS)
    # With a node's last word there is nobody to get the answer any more.
    unknown = [
        run for run in ours.values() if said.leaving or (run.id not in theirs and (run.claimed_at_us or 0) < overdue_us)
    ]
    routes = lose(core, tx, unknown, UNKNOWN_THERE, ledger, released=True)
    stale = (run_id for run_id, fence in theirs.items() if run_id not in ours or ours[run_id].fence != fence)
    return tuple(stale), routes


def lose(core: Core, tx: Writer, runs: Sequence[Run], why: Failure, ledger: Ledger, *, released: bool) -> set[str]:
    """End running runs as `lost` and try their tasks again; the routes that have ready tasks now."""
    if not runs:
        return set()
    locked = [run for run in tx.lock_runs([run.id for run in runs]) if run.state is RunState.RUNNING]
    ending = Ending(state=RunState.LOST, at_us=tx.now_us, failure=why, released=released)
    ended = [(runs_.end(run, ending, tx.now_us), ending) for run in locked]
    tx.save_runs([run for run, _ in ended])
    return {task.route for task in finish(core, tx, ended, ledger)}
