"""A node takes runs: a compare-and-set from `queued` to `running` that gives it the full specs.

Only what is queued and wanted is given: a forged, stale or repeated message yields nothing. The repeat of a claim whose
answer was lost (same claim id) yields the same runs again.
"""

from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.errors import Forbidden, NotFound
from app.domain.job import Desired
from app.domain.node import Node
from app.domain.run import Run
from app.domain.task import Task
from app.ports.store import Writer
from app.services.assign import to_specs
from app.services.core import MICROSECONDS, Core
from app.services.finish import fail_unstarted
from app.services.ledger import Ledger
from app.services.release import Offers, freed, publish, release
from app.services.suspects import keep_apart
from app.wire.claim import MAX_BUNDLE, Claim, ClaimAnswer
from app.wire.resources import Route
from app.wire.states import RunState, TaskState


def claim(core: Core, node_id: str, asked: Claim) -> ClaimAnswer:
    """Raises NotFound for a node that has to register first, Forbidden when it serves nothing of what it asks for."""
    core.fleet.note_free(node_id, asked.free)

    def work(tx: Writer) -> tuple[ClaimAnswer, Offers]:
        renew(core, tx, node_id, asked)
        ledger = Ledger()
        claims = _repeated(tx, node_id, asked)
        node = tx.node(node_id)
        # One that has said its last word (offline) sent this before it: nobody would run what it is given.
        if not claims and node is not None and node.takes_work:
            claims = _take(tx, node, asked, ledger)
        specs, hopeless = to_specs(core, tx, claims)
        routes = {task.route for task in fail_unstarted(core, tx, hopeless, ledger)}
        if not specs:
            routes |= _freed(core, tx, node_id, asked)
        offers = release(core, tx, routes, ledger)
        ledger.write(tx)
        return ClaimAnswer(now_us=tx.now_us, runs=tuple(specs)), offers

    answer, offers = core.store.write(work)
    publish(core, offers)
    return answer


def renew(core: Core, tx: Writer, node_id: str, said: Claim) -> None:
    until_us = tx.now_us + int(core.clockwork.lease_s * MICROSECONDS)
    if not tx.renew_lease(node_id, until_us, said.free):
        raise NotFound("this node is not registered")


def _take(tx: Writer, node: Node, asked: Claim, ledger: Ledger) -> list[tuple[Run, Task]]:
    queued = [run for run in tx.lock_runs(asked.run_ids[:MAX_BUNDLE]) if run.state is RunState.QUEUED]
    if not queued:
        return []
    runs = [run for run in queued if node.serves(Route.parse(run.route))]
    if not runs:
        raise Forbidden("this node serves none of the routes of these runs, by what it registered with")
    desired = tx.desired({run.job_seq for run in runs})
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in runs])}
    given = []
    for run in runs:
        task = tasks[run.task_seq]
        if desired.get(run.job_seq) == Desired.RUN and task.state is TaskState.QUEUED and task.run_id == run.id:
            given.append((run, task))
    pairs = [
        (runs_.claim(run, node_id=node.id, claim_id=asked.claim_id, now_us=tx.now_us), task)
        for run, task in keep_apart(tx, node.id, given)
    ]
    claimed = [(run, tasks_.claimed(task)) for run, task in pairs]
    tx.save_runs([run for run, _ in claimed])
    tx.save_tasks([task for _, task in claimed])
    for _, task in pairs:
        ledger.moved(task, TaskState.RUNNING)
    return claimed


def _freed(core: Core, tx: Writer, node_id: str, asked: Claim) -> set[str]:
    """Others were quicker. What the slot had been charged for is what the runs that it asked for wanted."""
    for run in tx.lock_runs(asked.run_ids[:1]):
        return freed(core, tx, node_id, run.route)
    return set()


def _repeated(tx: Writer, node_id: str, asked: Claim) -> list[tuple[Run, Task]]:
    runs = tx.runs_of_claim(node_id, asked.claim_id)
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in runs])} if runs else {}
    return [(run, tasks[run.task_seq]) for run in runs]
