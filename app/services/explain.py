"""Why does this task not run? Every reason that holds now, in the scheduler's own terms, and what would change it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from msgspec import structs

from app.domain.graph import shorten
from app.domain.job import Desired, Job
from app.domain.node import Node, unfit_reason
from app.domain.run import Run
from app.domain.task import Task
from app.ports.records import Page, TaskView
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.gate import next_start_in_us
from app.services.suspects import suspect
from app.wire.resources import Resources, Route
from app.wire.states import TASK_TERMINAL, TaskState

_NAMED = 5
_STARTING = "starting"
_FIT = "add such a node, or ask for less"
_NEEDS_READ = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """`code` for programs, `message` what holds, `change` what would change it."""

    code: str
    message: str
    change: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    state: TaskState
    reasons: tuple[Reason, ...]


_HELD = Reason(code="held", message="it is paused", change="resume it: POST .../resume")


def explain(core: Core, who: Principal, task_id: str) -> Explanation:
    """Raises NotFound. A task that runs or has ended well has no reasons."""
    who.require("jobs:read")
    return core.store.read(lambda tx: explained(tx, who, task_id))


def explained(tx: Reader, who: Principal, task_id: str) -> Explanation:
    view = query.find_task(tx, who, task_id)
    job = query.find_job(tx, who, view.task.job_id)
    return Explanation(state=view.task.state, reasons=tuple(_reasons(tx, job, view)))


def _reasons(tx: Reader, job: Job, view: TaskView) -> list[Reason]:
    task = view.task
    if task.state in TASK_TERMINAL:
        return _ended(task)
    if task.is_map and task.state is TaskState.RUNNING:
        return _of_map(tx, job, task)
    if task.state is TaskState.RUNNING and view.run and view.run.follows and view.run.started_at_us is None:
        return [_canceling()] if task.cancel else [_in_line(tx, view.run)]
    return _of_task(tx, job, task)


def _of_task(tx: Reader, job: Job, task: Task) -> list[Reason]:
    if task.state is TaskState.RUNNING:
        return [_canceling()] if task.cancel else []
    reasons = _desired(job) + _of_queue(tx, job, task)
    if task.held:
        reasons.append(_HELD)
    if task.state is TaskState.WAITING:
        return reasons + _needs(tx, task)
    if task.due_at_us > tx.now_us and not task.held:
        reasons.append(_retry(tx, task))
    if suspect(task):
        reasons.append(_suspected(task))
    room = _room(tx, task, outside=job.open)
    return reasons + [reason for reason in room if not reasons or reason.code != _STARTING]


def _of_map(tx: Reader, job: Job, task: Task) -> list[Reason]:
    """Why it does not go on faster: what holds the first of its values that wait."""
    if task.cancel:
        return [_canceling()]
    a_map = tx.maps([task.seq])[task.seq]
    if a_map.total is None:
        again = f"; {a_map.fetches} times tried" if a_map.fetches else ""
        message = f"its values are not known yet: they are being fetched{again}"
        return [*_desired(job), Reason(code="values", message=message, change="wait, or cancel it")]
    states = (TaskState.READY, TaskState.QUEUED)
    waiting = next((value for state in states for value in tx.live_values(a_map, state, 1)), None)
    if waiting is not None:
        left = a_map.total - a_map.succeeded - a_map.failed - a_map.canceled
        return [
            replace(reason, message=f"value {waiting.map_index}, of {left} that have not ended: {reason.message}")
            for reason in _of_task(tx, job, structs.replace(waiting, due_at_us=max(waiting.due_at_us, task.due_at_us)))
        ]
    if a_map.exhausted or task.held:
        return _desired(job) + ([_HELD] if task.held else [])
    message = f"{a_map.live} of its values run, and at most {a_map.max_concurrency} may at the same time"
    return [Reason(code="max_concurrency", message=message, change="wait")]


def _ended(task: Task) -> list[Reason]:
    if task.failure is None:
        return []
    return [Reason(code=task.failure.code, message=task.failure.message, change="run it again: POST .../retry")]


def _in_line(tx: Reader, run: Run) -> Reason:
    node = tx.node(run.node_id or "")
    where = f"node {node.name}" if node else "its node"
    message = f"it was handed to {where} along with the task that it needs, and has not begun"
    return Reason(code="in_line", message=message, change="it begins there at once when that has succeeded")


def _canceling() -> Reason:
    return Reason(code="canceling", message="it is being canceled", change="wait")


def _desired(job: Job) -> list[Reason]:
    if job.desired is Desired.PAUSE:
        return [Reason(code="paused", message="its job is paused", change="resume the job")]
    return [_canceling()] if job.desired is Desired.CANCEL else []


def _of_queue(tx: Reader, job: Job, task: Task) -> list[Reason]:
    queue = tx.queue(job.org_id, job.queue)
    if queue is None or task.state is TaskState.WAITING:
        return []
    name, where = shorten(queue.name), f"/v1/queues/{quote(queue.name, safe='')}"
    if queue.paused:
        change = f"resume it: flotilla queues resume {name}, or POST {where}/resume"
        return [Reason(code="queue_paused", message=f"its queue {name} is paused", change=change)]
    if task.state is not TaskState.READY:
        return []
    reasons = []
    if queue.max_running is not None and (out := tx.out_of_queue(queue.org_id, queue.name)) >= queue.max_running:
        message = f"{out} runs of its queue {name} run or are on their way, and at most {queue.max_running} may at once"
        reasons.append(Reason(code="queue_limit", message=message, change=f"wait, or raise maxRunning: PATCH {where}"))
    if queue.max_starts is not None and (wait_us := next_start_in_us(queue, tx.now_us)):
        message = f"{queue.max_starts} of its queue {name} may start a minute; the next one in {wait_us / 1e6:.1f} s"
        change = f"wait, or raise maxStartsPerMinute: PATCH {where}"
        reasons.append(Reason(code="queue_rate", message=message, change=change))
    return reasons


def _needs(tx: Reader, task: Task) -> list[Reason]:
    headers = [header for header, body in tx.edges(task.job_seq) if body == task.position][:_NEEDS_READ]
    unmet = [
        view.task
        for header in headers
        for view in tx.tasks(task.job_seq, Page(limit=1, after=(header - 1,)))
        if not view.task.ended
    ]
    names = ", ".join(f"{shorten(need.name)} ({need.state.value})" for need in unmet[:_NAMED])
    more = f" and {len(unmet) - _NAMED} more" if len(unmet) > _NAMED else ""
    message = f"it needs {len(unmet)} tasks that have not ended: {names}{more}"
    return [Reason(code="needs", message=message, change="it goes on when they have ended")]


def _suspected(task: Task) -> Reason:
    message = f"its node died {task.crashes} times while it ran; a node takes only one such task at a time"
    return Reason(code="suspect", message=message, change="it starts where no other such task runs")


def _retry(tx: Reader, task: Task) -> Reason:
    seconds = (task.due_at_us - tx.now_us) / 1_000_000
    why = f" after: {task.failure.message}" if task.failure else ""
    return Reason(code="retry_delay", message=f"it is tried again in {seconds:.0f} s{why}", change="wait")


def _room(tx: Reader, task: Task, *, outside: bool) -> list[Reason]:
    route = Route.parse(task.route)
    nodes = [node for node in tx.nodes() if not node.offline]
    refused = [node for node in tx.nodes() if node.refused]
    if not nodes and refused:
        return [_refused(refused)]
    if not nodes:
        return [Reason(code="no_nodes", message="no node is there", change="start a node")]
    fitting = [node for node in nodes if node.serves(route)]
    if not fitting:
        message = unfit_reason(route, nodes)
        change = "add such a node, or run it from outside: POST /api/jobs/runs" if outside else _fit(route, nodes)
        return [Reason(code="no_node_fits", message=message, change=change)]
    alive = [node for node in fitting if tx.now_us <= node.lease_until_us]
    if not alive:
        if away := [node for node in fitting if node.refused]:
            return [_refused(away)]
        names = ", ".join(node.name for node in fitting[:_NAMED])
        return [Reason(code="nodes_lost", message=f"no node that fits is alive: {names}", change="start one again")]
    taking = [node for node in alive if node.takes_work]
    if not taking:
        names = ", ".join(node.name for node in alive[:_NAMED])
        return [Reason(code="draining", message=f"every node that fits is draining: {names}", change="undrain one")]
    return _busy(route, taking)


def _fit(route: Route, nodes: Sequence[Node]) -> str:
    served = any(route.queue in node.queues or "*" in node.queues for node in nodes)
    return _FIT if served else f"start a node with FLOTILLA_QUEUES={route.queue}, or submit to another queue"


def _refused(nodes: list[Node]) -> Reason:
    names = ", ".join(node.name for node in nodes[:_NAMED])
    message = f"no node is there: {names} spoke and was refused: {nodes[0].refused}"
    return Reason(code="nodes_refused", message=message, change="upgrade as it says, and start the node again")


def _busy(route: Route, nodes: list[Node]) -> list[Reason]:
    free = [node for node in nodes if route.shape.fits(node.free)]
    if free:
        message = f"it is about to start: {free[0].name} has room"
        return [Reason(code=_STARTING, message=message, change="wait a moment")]
    nearest = max(nodes, key=lambda node: (node.free.cpu_milli, node.free.memory_mib))
    message = f"it needs {_say(route.shape)}; {nearest.name} has the most free: {_say(nearest.free)}"
    return [Reason(code="no_room", message=message, change="it starts when enough has ended, or add a node")]


def _say(amount: Resources) -> str:
    return f"{amount.cpu_milli / 1000:g} cpu and {amount.memory_mib} MB"
