"""One pass over what time alone can mend. Every action is a compare-and-set, so two sweepers at once do no harm.

    nodes whose lease is over        their runs are lost, their tasks tried again
    ready tasks, due retries         offered
    maps with values not yet open    more of them opened, where the fleet has grown
    offers nobody took               offered again, unless their message still waits in the broker; withdrawn when
                                     nobody may claim them any more
    jobs being canceled              what is not running is canceled, what runs is told again
    removed projects                 their jobs are removed, then their files, then they themselves
    removed jobs that have ended     deleted
    tasks that no node could hold    failed, after a grace, with what the largest node has

Reaping waits for one whole lease after this sweeper began or after the API was away: silence while nobody listened is
no sign of death.
"""

from dataclasses import dataclass, field

from msgspec import structs

from app.domain import task as tasks_
from app.domain.errors import Unavailable
from app.domain.job import Desired
from app.domain.node import Node, unfit_reason
from app.domain.run import Run
from app.domain.task import Task
from app.ports.broker import Offer
from app.ports.store import Writer
from app.services import cancel, lagging, projects, removal
from app.services.core import MICROSECONDS, Core
from app.services.ledger import Ledger
from app.services.maps import close
from app.services.nodes import lose
from app.services.release import Offers, publish, release, release_ready
from app.services.settle import settle_below
from app.services.withdraw import is_out, withdraw
from app.wire.report import Failure
from app.wire.resources import Route
from app.wire.states import RunState, TaskState

LEADER = "engine"
WEB_ALIVE = "web"
_BATCH = 500
_ANSWERS_KEPT_US = 24 * 3600 * MICROSECONDS
"""How long a repeat with the same Idempotency-Key gets the first answer."""
LEASE_OVER = Failure(code="node_lost", message="its node has not been heard of for a whole lease")


@dataclass(slots=True)
class Sweeper:
    """What one engine remembers between its passes."""

    holder: str
    listening_since_us: int | None = None
    passed_at_us: int | None = None
    unfit_since_us: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What one pass did. `led` is false when another engine leads, and then nothing was done."""

    led: bool
    lost: int = 0
    offered: int = 0
    offered_again: int = 0
    canceled: int = 0
    cleared: int = 0
    removed: int = 0
    unfit: int = 0
    opened: int = 0


def step(core: Core, sweeper: Sweeper) -> Swept:
    """One pass."""
    if not core.store.write(lambda tx: _lead(core, tx, sweeper)):
        sweeper.listening_since_us = None
        return Swept(led=False)
    return Swept(
        led=True,
        lost=_reap(core, sweeper),
        canceled=cancel.sweep(core),
        cleared=projects.sweep(core),
        removed=removal.sweep(core),
        unfit=_fail_unfit(core, sweeper),
        opened=lagging.sweep(core),
        offered=release_ready(core),
        offered_again=_offer_again(core),
    )


def _lead(core: Core, tx: Writer, sweeper: Sweeper) -> bool:
    until_us = tx.now_us + int(core.clockwork.leader_lease_s * MICROSECONDS)
    tx.forget_answers(tx.now_us - _ANSWERS_KEPT_US)
    return tx.lead(LEADER, sweeper.holder, until_us)


def _reap(core: Core, sweeper: Sweeper) -> int:
    def work(tx: Writer) -> tuple[int, Offers]:
        lease_us = int(core.clockwork.lease_s * MICROSECONDS)
        gap_us = int(3 * core.clockwork.sweep_s * MICROSECONDS)
        alive_us = tx.stamped_at_us(WEB_ALIVE)
        since_us = sweeper.listening_since_us
        # A beginning in the future is one before the database's clock stepped back. A gap in these passes is one in
        # which the database may have been away for nodes, too.
        gaps = [at_us < tx.now_us - gap_us for at_us in (alive_us, sweeper.passed_at_us) if at_us is not None]
        sweeper.passed_at_us = tx.now_us
        if since_us is None or since_us > tx.now_us or any(gaps):
            since_us = sweeper.listening_since_us = tx.now_us
        if tx.now_us - since_us < lease_us:
            return 0, Offers()
        ledger = Ledger()
        runs = tx.held([*(node.id for node in tx.expired_nodes()), *_gone(tx)])
        routes = lose(core, tx, runs, LEASE_OVER, ledger, released=False)
        offers = release(core, tx, routes, ledger)
        ledger.write(tx)
        return len(runs), offers

    count, offers = core.store.write(work)
    publish(core, offers)
    return count


def _gone(tx: Writer) -> list[str]:
    """Nodes that have said their last word, a lease ago: a claim or a hand-off may have crossed it on its way."""
    return [node.id for node in tx.nodes() if node.offline and node.lease_until_us < tx.now_us]


def _offer_again(core: Core) -> int:
    """Publish anew what was offered long ago and is in no message that still waits."""
    timeout_us = int(core.clockwork.offer_timeout_s * MICROSECONDS)
    stale = core.store.write(lambda tx: tx.stale_offers(tx.now_us - timeout_us, _BATCH))
    if not stale:
        return 0
    try:
        waiting = core.broker.waiting({Route.parse(run.route) for run in stale})
    except Unavailable:
        return 0
    due = core.store.write(lambda tx: _touch(tx, [run.id for run in stale], timeout_us))
    again = [run for run in due if run.id not in waiting]
    publish(core, Offers(all=tuple(Offer(route=Route.parse(run.route), run_ids=(run.id,)) for run in again)))
    return len(again)


def _touch(tx: Writer, run_ids: list[str], timeout_us: int) -> list[Run]:
    """Those still queued and still overdue, noted as offered now: two sweepers do not both publish them, and those
    whose message still waits do not keep others from being looked at. What nobody may claim any more is withdrawn.
    """
    overdue_us = tx.now_us - timeout_us
    queued = [run for run in tx.lock_runs(run_ids) if run.state is RunState.QUEUED and run.offered_at_us < overdue_us]
    if not queued:
        return []
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in queued])}
    desired = tx.desired({run.job_seq for run in queued})
    paused = {seq for seq, wish in desired.items() if wish == Desired.PAUSE}
    offered = [run for run in queued if run.job_seq not in paused and is_out(run, tasks[run.task_seq])]
    kept = {run.id for run in offered}
    ledger = Ledger()
    withdraw(tx, [run for run in queued if run.id not in kept], ledger)
    again = [structs.replace(run, offered_at_us=tx.now_us) for run in offered]
    tx.save_runs(again)
    ledger.write(tx)
    return again


def _fail_unfit(core: Core, sweeper: Sweeper) -> int:
    """Tasks of routes that for a whole grace no registered node could ever have served."""

    def work(tx: Writer) -> int:
        core.fleet.refresh(tx, at_once=True)
        nodes = [node for node in tx.nodes() if not node.offline]
        unfit = _unfit_routes(tx, nodes) if nodes else {}
        since = {key: sweeper.unfit_since_us.get(key, tx.now_us) for key in unfit}
        sweeper.unfit_since_us = since
        grace_us = int(core.clockwork.unfit_grace_s * MICROSECONDS)
        ledger = Ledger()
        count = 0
        for key in (key for key in unfit if since[key] + grace_us <= tx.now_us):
            withdraw(tx, tx.lock_queued(key, tx.now_us + 1, _BATCH), ledger)
            tasks = tx.lock_unserved(key, _BATCH)
            if not tasks:
                since[key] = tx.now_us  # all that waits there may be run from outside: not looked at again so soon
            _fail(tx, tasks, Failure(code="no_node_fits", message=unfit_reason(unfit[key], nodes)), ledger)
            count += len(tasks)
        ledger.write(tx)
        return count

    return core.store.write(work)


def _unfit_routes(tx: Writer, nodes: list[Node]) -> dict[str, Route]:
    routes = {key: Route.parse(key) for key in (*tx.ready_routes(), *tx.queued_routes())}
    return {key: route for key, route in routes.items() if not any(node.serves(route) for node in nodes)}


def _fail(tx: Writer, tasks: list[Task], failure: Failure, ledger: Ledger) -> None:
    after = [tasks_.failed(task, failure, now_us=tx.now_us) for task in tasks]
    tx.save_tasks(after)
    for task in tasks:
        ledger.moved(task, TaskState.FAILED)
    settle_below(tx, after, ledger)
    # What holds for one value of a map holds for all of them.
    settle_below(tx, close(tx, {task.owner_seq for task in tasks if task.map_index is not None}, ledger), ledger)
