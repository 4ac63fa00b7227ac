"""A slot that has just ended a run is given its next ones with the answer: no broker, no second request.

1. Only runs of the slot's own route, in release order (`shares.py`), and of those that are alike first what was offered
   a while ago and nobody took (an instant ago, where no slot is idle that could), then what is ready. So a hand-off
   passes over nothing that waits on the same route; and it is refused when the slot's room is what another route has
   been waiting for.
2. How many: of what is ready, 1 / (1 + idle slots elsewhere that could take it), and no more than `bundles.py` allows;
   more than one only when the runs are quick. The rest is published, so that no slot idles while another holds a pile.
   Where nothing is left to share out, what stands in line below them comes along (`followers.py`).
3. The runs carry a claim id made of the asking run and its fence: the repeat of a report whose answer was lost gets the
   same runs again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.job import Desired
from app.domain.run import Run
from app.domain.task import Task
from app.ports.store import Writer
from app.services.assign import AskedSpecs, ask_specs, to_specs
from app.services.bundles import cut, fair
from app.services.core import Core
from app.services.finish import fail_unstarted
from app.services.fleet import NEGLECTED_US
from app.services.followers import follow
from app.services.gate import Gate
from app.services.ledger import Ledger
from app.services.release import freed, new_runs
from app.services.shares import next_ready
from app.services.suspects import keep_apart
from app.wire.claim import RunSpec
from app.wire.resources import Route
from app.wire.states import TaskState

_LOOK_BEYOND = 32
_PASSED_OVER_US = 150_000
"""A younger offer may soon be popped, or has been: its message would then cost a node a claim for nothing."""


@dataclass(slots=True, kw_only=True)
class HandOff:
    """Next runs by asking run's id; `routes` may have more to release, but for those that were `emptied`."""

    runs: dict[str, tuple[RunSpec, ...]] = field(default_factory=dict)
    routes: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)


def hand_off(
    core: Core,
    tx: Writer,
    gate: Gate,
    node_id: str,
    asking: Sequence[tuple[Run, int]],
    repeats: Collection[str],
    ledger: Ledger,
) -> HandOff:
    """`ready` of the batch is in the store. `repeats`: those whose report has come before, and perhaps their next runs
    with its answer.
    """
    given = HandOff()
    for run, takes in asking:
        given.routes.add(run.route)
        if not core.handoff:
            continue
        claim_id = f"handoff:{run.id}:{run.fence}"
        asked: AskedSpecs | None = None
        emptied = False
        claims = _repeated(tx, node_id, claim_id) if run.id in repeats else []
        if not claims and _may_take(core, tx, node_id, Route.parse(run.route)):
            claims, asked, emptied = _take(core, tx, gate, run.route, node_id, claim_id, takes, ledger)
            if emptied:
                given.emptied.add(run.route)
        specs, hopeless = to_specs(core, tx, claims, asked)
        if emptied and specs and not hopeless:
            specs += follow(core, tx, gate, claims, takes, ledger)
        for task in fail_unstarted(core, tx, hopeless, ledger):
            given.routes.add(task.route)
            given.emptied.discard(task.route)
        given.runs[run.id] = tuple(specs)
        if not specs:
            given.routes |= freed(core, tx, node_id, run.route)
    return given


def silent_slots(
    core: Core, tx: Writer, node_id: str, ended: Sequence[Run], asking: Sequence[tuple[Run, int]]
) -> set[str]:
    """Slots that ask for nothing are free once the last run of their claim has ended; routes as in `hand_off`."""
    asked = {run.claim_id for run, _ in asking} if core.handoff else set()
    claims = {run.claim_id: run.route for run in ended if run.claim_id not in asked}
    routes: set[str] = set()
    for claim_id, route in claims.items():
        if claim_id is not None and not tx.runs_of_claim(node_id, claim_id):
            routes |= freed(core, tx, node_id, route)
    return routes


def _may_take(core: Core, tx: Writer, node_id: str, route: Route) -> bool:
    """Not when the node drains, nor when an offer of another route has long been waiting for just this slot's room."""
    core.fleet.refresh(tx)
    node = core.fleet.node(node_id)
    if node is None or not node.takes_work:
        return False
    free = core.fleet.free(node_id)
    room = free + route.shape
    return not any(
        other != route and node.serves(other) and other.shape.fits(room) and not other.shape.fits(free)
        for other in core.fleet.neglected(tx)
    )


def _take(
    core: Core, tx: Writer, gate: Gate, route: str, node_id: str, claim_id: str, takes: int, ledger: Ledger
) -> tuple[list[tuple[Run, Task]], AskedSpecs, bool]:
    """What is claimed now, and whether nothing that is ready is left on the route. Its specs are asked for before it is
    written, so that the database writes while runs are made of them.
    """
    most = min(takes, core.pace.bundle(route, core.max_bundle))
    chosen, emptied = _take_ready(core, tx, gate, route, most)
    if neglected := _take_neglected(core, tx, route, most, passed_over=bool(chosen)):
        both = _in_order(core, [*neglected, *chosen])
        chosen, emptied = both[:most], emptied and len(both) <= most
    claims = keep_apart(tx, node_id, chosen)
    asked = ask_specs(tx, [task for _, task in claims])
    gate.started([task for _, task in claims if task.state is TaskState.READY])
    claimed = [(runs_.claim(run, node_id=node_id, claim_id=claim_id, now_us=tx.now_us), task) for run, task in claims]
    fresh = {run.id for run, task in claims if task.state is TaskState.READY}
    after = [(run, tasks_.handed(task, run.id) if run.id in fresh else tasks_.claimed(task)) for run, task in claimed]
    tx.insert_runs([run for run, _ in after if run.id in fresh])
    tx.save_runs([run for run, _ in after if run.id not in fresh])
    tx.save_tasks([task for _, task in after])
    for _, task in claimed:
        ledger.moved(task, TaskState.RUNNING)
    return after, asked, emptied and len(claims) == len(chosen)


def _in_order(core: Core, claims: list[tuple[Run, Task]]) -> list[tuple[Run, Task]]:
    """What has been out for long goes before what is alike, and behind a higher priority and who has less."""
    return sorted(claims, key=lambda claim: (-claim[1].priority, core.shares.of(claim[1].org_id)))


def _take_neglected(core: Core, tx: Writer, route: str, most: int, *, passed_over: bool) -> list[tuple[Run, Task]]:
    """An offer that would be passed over where no slot is idle is soon out for long enough: who could pop it is busy,
    and what was offered first should run first. Of such the slot takes its share, since the others will come too.
    """
    parsed = Route.parse(route)
    if passed_over and not core.fleet.idle_slots(tx, parsed):
        runs = tx.lock_queued(route, tx.now_us - _PASSED_OVER_US, most)
        runs = runs[: -(-len(runs) // max(1, core.fleet.slots(tx, parsed)))]
    elif core.fleet.may_be_neglected(tx, parsed):
        runs = tx.lock_queued(route, tx.now_us - NEGLECTED_US, most)
    else:
        return []
    desired = tx.desired({run.job_seq for run in runs}) if runs else {}
    runs = [run for run in runs if desired.get(run.job_seq) == Desired.RUN]
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in runs])} if runs else {}
    pairs = [(run, tasks[run.task_seq]) for run in runs]
    return [(run, task) for run, task in pairs if task.state is TaskState.QUEUED and task.run_id == run.id]


def _take_ready(core: Core, tx: Writer, gate: Gate, route: str, most: int) -> tuple[list[tuple[Run, Task]], bool]:
    idle = core.fleet.idle_slots(tx, Route.parse(route))
    slots = core.fleet.slots(tx, Route.parse(route))
    # What others will come for soon is looked at too, unless the runs are so quick that it does not matter.
    look = most if most <= core.pace.worth(route) else min(most * slots, most + _LOOK_BEYOND)
    ready = next_ready(core, tx, gate, route, look, lately=True)
    size = min(-(-len(ready[:most]) // (1 + idle)), fair(core, route, len(ready), slots))
    share = next(cut(core, route, ready, size), ())
    return list(zip(new_runs(core, tx, share), share, strict=True)), len(share) == len(ready) < look


def _repeated(tx: Writer, node_id: str, claim_id: str) -> list[tuple[Run, Task]]:
    runs = tx.runs_of_claim(node_id, claim_id)
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run in runs])} if runs else {}
    return [(run, tasks[run.task_seq]) for run in runs]
