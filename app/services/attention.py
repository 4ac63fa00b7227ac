"""Does anything need somebody? What waits and why, what is about to hit a limit, what has gone silent, what gave up.

Each list is bounded, and so is what is read for it: a page that is looked at while all is on fire must be cheap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.job import Job
from app.domain.run import Run
from app.domain.task import Task
from app.ports.logs import LinesWanted
from app.ports.records import TaskView
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.explain import Reason, explained
from app.services.query import NodeView
from app.wire.states import NodeState

_JOBS: Final = 30
_TASKS: Final = 1000
_EXPLAINED: Final = 40
_RUNS: Final = 200
_SHOWN: Final = 20
_NEAR: Final = 0.8
_SILENT_US: Final = 300 * MICROSECONDS
_SLOWER: Final = 10
_TRIED: Final = 3
_ABSENT_US: Final = 24 * 3600 * MICROSECONDS
_ORDINARY: Final = frozenset(
    (
        "starting",
        "no_room",
        "max_concurrency",
        "paused",
        "held",
        "retry_delay",
        "queue_paused",
        "queue_limit",
        "queue_rate",
    )
)
"""Reasons that go away by themselves or were wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The first task of a job that waits on a route, standing for all that wait behind it."""

    job: Job
    task: Task
    reasons: Sequence[Reason]

    @property
    def blocked(self) -> bool:
        """Somebody has to do something about it."""
        return any(reason.code not in _ORDINARY for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strained:
    """A running run that is near a limit (`used` of `limit`), silent since `since_us`, or tried again and again."""

    run: Run
    task: TaskView
    used: float = 0.0
    limit: float = 0.0
    since_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """`waiting`: what is blocked first. `slow` is near its time limit, `large` near its memory limit."""

    waiting: Sequence[Waiting]
    slow: Sequence[Strained]
    large: Sequence[Strained]
    silent: Sequence[Strained]
    tried: Sequence[Strained]
    crashed: Sequence[Task]
    nodes: Sequence[NodeView]

    @property
    def urgent(self) -> int:
        """How many things will not mend themselves."""
        return sum(each.blocked for each in self.waiting) + len(self.nodes) + len(self.slow) + len(self.large)


def attention(core: Core, who: Principal) -> Attention:
    who.require("jobs:read")

    def work(tx: Reader) -> Attention:
        held = query.visible(tx, who, tx.held([node.id for node in tx.nodes()]))
        oldest = sorted(held, key=lambda run: (run.claimed_at_us or 0, run.id))[:_RUNS]
        pairs = [(run, view) for run in oldest if (view := tx.task(run.task_id)) is not None]
        return Attention(
            waiting=sorted(_waiting(tx, who), key=lambda each: not each.blocked),
            slow=_most_strained(_slow(pairs, tx.now_us)),
            large=_most_strained(_large(pairs)),
            silent=list(_silent(tx, who, pairs))[:_SHOWN],
            tried=[Strained(run=run, task=view) for run, view in pairs if run.number >= _TRIED][:_SHOWN],
            crashed=tx.failed_with(who.org_id, "crash_limit", _JOBS, _TASKS)[:_SHOWN],
            nodes=_gone(core, tx),
        )

    return core.store.read(work)


def _waiting(tx: Reader, who: Principal) -> Iterator[Waiting]:
    jobs: dict[str, Job] = {}
    for task in tx.stuck(who.org_id, _JOBS, _TASKS)[:_EXPLAINED]:
        job = jobs.get(task.job_id) or query.find_job(tx, who, task.job_id)
        jobs[job.id] = job
        reasons = explained(tx, who, task.id).reasons
        if any(reason.code != "starting" for reason in reasons):
            yield Waiting(job=job, task=task, reasons=reasons)


def _slow(pairs: Sequence[tuple[Run, TaskView]], now_us: int) -> Iterator[Strained]:
    for run, view in pairs:
        used_s = (now_us - (run.started_at_us or now_us)) / MICROSECONDS
        if used_s >= _NEAR * view.spec.time_limit_s:
            yield Strained(run=run, task=view, used=used_s, limit=view.spec.time_limit_s)


def _large(pairs: Sequence[tuple[Run, TaskView]]) -> Iterator[Strained]:
    for run, view in pairs:
        used, limit = run.usage.current_rss_bytes if run.usage else 0, view.spec.shape.memory_mib << 20
        if used >= _NEAR * limit:
            yield Strained(run=run, task=view, used=used, limit=limit)


def _most_strained(found: Iterator[Strained]) -> list[Strained]:
    return sorted(found, key=lambda each: -each.used / each.limit)[:_SHOWN]


def _silent(tx: Reader, who: Principal, pairs: Sequence[tuple[Run, TaskView]]) -> Iterator[Strained]:
    """For long, and for much longer than between its lines so far. What never says anything is not among them."""
    if "messages:read" not in who.scopes:
        return
    for run, view in pairs:
        began_us = run.started_at_us or tx.now_us
        if tx.now_us - began_us < _SILENT_US:
            continue
        last = tx.find_lines(LinesWanted(run_id=run.id, newest_first=True, limit=1)).lines
        if not last:
            continue
        said_us = last[0].line.at_us
        usual_us = max(0, said_us - began_us) / tx.log_length(run.id)
        if tx.now_us - said_us > max(_SILENT_US, _SLOWER * usual_us):
            yield Strained(run=run, task=view, since_us=said_us)


def _gone(core: Core, tx: Reader) -> list[NodeView]:
    """Nodes that were lost, are late or were refused, as long as somebody may still wonder where they are."""
    views = [query.view_node(core, tx, node, ()) for node in tx.nodes()]
    troubled = [view for view in views if view.node.refused or view.state in (NodeState.LOST, NodeState.LATE)]
    return [view for view in troubled if tx.now_us - view.node.heartbeat_at_us < _ABSENT_US][:_SHOWN]
