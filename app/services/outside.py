"""Runs from outside of the fleet: whoever makes one runs it elsewhere, and says how it goes and ends.

Such a run is a run like any other, claimed by nobody's node (`Run.outside`): while it is open its task is running, so
that no node is offered it. No lease is behind it: it lasts until its owner ends it, or somebody cancels it. It is made
under the lock of its task, as a claim is, so that of the two only one gets the task; an offer that is out is taken
back. What its owner says beside what a run has fields for is kept as it is.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson
from msgspec import structs

from app.domain import limits
from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.errors import Conflict, Forbidden, Invalid, Problem
from app.domain.job import Desired
from app.domain.run import OUTSIDE, Run
from app.domain.task import Task
from app.ports.records import TaskView
from app.ports.store import Writer
from app.services import chosen, query
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core
from app.services.finish import CANCELED, finish
from app.services.ledger import Ledger
from app.services.release import Offers, new_runs, publish, release
from app.services.withdraw import withdraw_runs
from app.wire.report import Ending, Failure, Report
from app.wire.states import RunState, TaskState
from app.wire.usage import Usage

OWNER: Final = "by"
"""Among what is said of a run: the name of whom it belongs to."""

_SAID_BYTES: Final = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What the owner says. `said` is added to what was said before; `usage` has fields of `Usage`. `succeeded` ends the
    run, with `error` where it did not; `stopped_at_us` is when that was, now by default.
    """

    said: Mapping[str, Any] = field(default_factory=dict)
    progress: float | None = None
    started_at_us: int | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    succeeded: bool | None = None
    stopped_at_us: int | None = None
    error: str | None = None
    result: Any = None


def start(
    core: Core, who: Principal, task_id: str, news: News, *, job_id: str | None = None, run_id: str | None = None
) -> Run:
    """A running run of the task. `job_id` must be the task's own, where given; `run_id` is chosen by the caller, see
    `chosen`. Raises NotFound, Invalid, Conflict when the task cannot be run now.
    """
    who.require("jobs:write")

    def work(tx: Writer) -> tuple[Run, str | None]:
        view = query.find_task(tx, who, task_id)
        if job_id not in (None, view.task.job_id):
            raise Invalid([Problem("/jobId", "is not the job of this task; leave it out, or send the task's own")])
        if run_id and (known := chosen.run(tx, who, run_id, news.said)):
            return known, None
        before = tx.lock_tasks([view.task.seq])[0]
        _check_free(tx, view, before)
        return _take(core, tx, who, before, news, run_id), before.run_id

    run, offered = core.store.write(work)
    if offered is not None:
        withdraw_runs(core, [offered])
    return run


def _check_free(tx: Writer, view: TaskView, task: Task) -> None:
    if task.ended:
        raise Conflict(f"the task has ended: it is {task.state.value}; POST /v1/tasks/{task.id}/retry opens it again")
    if task.state is TaskState.RUNNING:
        raise Conflict("the task has a run that is open")
    if task.state is TaskState.WAITING or view.spec.type != "task":
        raise Conflict("the task cannot be run from outside: it is a map, or waits for others")
    if task.held or tx.desired([task.job_seq]).get(task.job_seq) != Desired.RUN:
        raise Conflict("the task or its job is paused or canceled")


def _take(core: Core, tx: Writer, who: Principal, before: Task, news: News, run_id: str | None) -> Run:
    ready = tasks_.withdrawn(before) if before.state is TaskState.QUEUED else before
    run = new_runs(core, tx, [ready])[0]
    run = runs_.claim(structs.replace(run, id=run_id or run.id), node_id=None, claim_id=OUTSIDE, now_us=tx.now_us)
    run = _folded(run, replace(news, started_at_us=news.started_at_us or tx.now_us), tx.now_us)
    tx.insert_runs([run])
    tx.say_outside(run.id, _said({OWNER: who.name}, news))
    tx.save_tasks([tasks_.handed(ready, run.id)])
    ledger = Ledger()
    ledger.moved(before, TaskState.RUNNING)
    ledger.write(tx)
    return run


def feed(core: Core, who: Principal, run_id: str, news: News) -> Run:
    """The run after this. Raises NotFound, Conflict when it has ended, Forbidden when it is not the caller's."""
    who.require("jobs:write")

    def work(tx: Writer) -> tuple[Run, Offers]:
        run = tx.lock_runs([query.find_run(tx, who, run_id).id])[0]
        said = tx.said_outside([run_id]).get(run_id, {})
        _check_owner(who, run, said)
        run = _folded(run, news, tx.now_us)
        tx.say_outside(run.id, _said(said, news))
        if news.succeeded is None:
            tx.save_runs([run])
            return run, Offers()
        return _end(core, tx, [(run, _ending(run, news, tx.now_us))])

    run, offers = core.store.write(work)
    publish(core, offers)
    return run


def _check_owner(who: Principal, run: Run, said: Mapping[str, Any]) -> None:
    if run.state is not RunState.RUNNING:
        raise Conflict(f"the run is {run.state.value}; only one that is open can be changed")
    if not run.outside:
        raise Forbidden("the run is a node's, and only that node says how it goes")
    if said.get(OWNER) != who.name and "org:admin" not in who.scopes:
        raise Forbidden("the run belongs to whoever made it; only that caller says how it goes")


def end_canceled(core: Core, run_ids: Collection[str]) -> None:
    """Those of these runs that are fed from outside and open, because their task or job was canceled."""

    def work(tx: Writer) -> Offers:
        runs = [run for run in tx.lock_runs(run_ids) if run.outside and run.state is RunState.RUNNING]
        ending = Ending(state=RunState.CANCELED, at_us=tx.now_us, failure=CANCELED)
        return _end(core, tx, [(run, ending) for run in runs])[1] if runs else Offers()

    publish(core, core.store.write(work))


def _end(core: Core, tx: Writer, ending: Sequence[tuple[Run, Ending]]) -> tuple[Run, Offers]:
    ended = [(runs_.end(run, how, tx.now_us), how) for run, how in ending]
    tx.save_runs([run for run, _ in ended])
    ledger = Ledger()
    ready = finish(core, tx, ended, ledger)
    offers = release(core, tx, {task.route for task in ready}, ledger)
    ledger.write(tx)
    return ended[-1][0], offers


def _folded(run: Run, news: News, now_us: int) -> Run:
    usage = structs.replace(run.usage or Usage(), **news.usage)
    if "wall_s" not in news.usage and news.succeeded is not None:
        began = run.started_at_us or now_us
        usage = structs.replace(usage, wall_s=max(0, min(news.stopped_at_us or now_us, now_us) - began) / MICROSECONDS)
    report = Report(
        run_id=run.id,
        fence=run.fence,
        sequence=run.sequence + 1,
        started_at_us=news.started_at_us,
        progress=news.progress,
        usage=usage,
    )
    return runs_.fold(run, report, now_us)


def _ending(run: Run, news: News, now_us: int) -> Ending:
    at_us = news.stopped_at_us or now_us
    if news.succeeded:
        return Ending(state=RunState.SUCCEEDED, at_us=at_us, result=news.result)
    failure = Failure(code="failed", message=news.error or "the run ended without success")
    return Ending(state=RunState.FAILED, at_us=at_us, failure=failure, result=news.result)


def _said(before: Mapping[str, Any], news: News) -> Mapping[str, Any]:
    """Raises Invalid for what is too much to be kept."""
    if len(orjson.dumps(news.result)) > limits.MAX_RESULT_BYTES:
        raise Invalid([Problem("/results", f"must have at most {limits.MAX_RESULT_BYTES} bytes of JSON")])
    said = {**before, **news.said}
    if len(orjson.dumps(said)) > _SAID_BYTES + limits.MAX_RESULT_BYTES:
        raise Invalid([Problem("", f"what is said of a run must have at most {_SAID_BYTES} bytes of JSON")])
    return said
