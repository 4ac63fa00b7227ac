"""Runs have ended: decide what becomes of their tasks, and settle what stands below them.

Shared by record (a node said so), sweep (its lease is over) and claim (it could never start).
"""

from collections.abc import Sequence
from dataclasses import replace

import orjson
from msgspec import structs

from app.domain import retry
from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.retry import Decision, Outcome
from app.domain.run import Run
from app.domain.task import Task
from app.ports.store import Writer
from app.services.core import Core
from app.services.followers import early
from app.services.ledger import Ledger
from app.services.settle import settle_again, settle_below
from app.services.tally import RETRIES, cause_of
from app.wire.report import Ending, Failure
from app.wire.resources import Route
from app.wire.states import RunState, TaskState

CANCELED = Failure(code="canceled", message="canceled on request")


def finish(core: Core, tx: Writer, ended: Sequence[tuple[Run, Ending]], ledger: Ledger) -> list[Task]:
    """The tasks that are ready now, by retry or because their needs are met. The runs are already saved, ended."""
    if not ended:
        return []
    tasks = {task.seq: task for task in tx.lock_tasks([run.task_seq for run, _ in ended])}
    larger = _larger(tx, ended)
    unbegun = early(tx, ended) if any(run.follows for run, _ in ended) else set()
    after: list[Task] = []
    for run, ending in ended:
        core.tally.ended(run)
        task = tasks[run.task_seq]
        if task.run_id != run.id or task.state is not TaskState.RUNNING:
            continue
        decision = retry.decide(
            task,
            ending,
            cancel=task.cancel,
            now_us=tx.now_us,
            chance=core.chance.fraction(),
            larger=run.id in larger,
        )
        if run.id in unbegun and decision.outcome is not Outcome.CANCEL:
            next_task = tasks_.waiting_again(task)
        else:
            next_task = _follow(task, run, decision, tx.now_us)
            if run.id in larger:
                next_task = structs.replace(next_task, route=larger[run.id])
        if next_task.state is TaskState.READY and decision.outcome is Outcome.RETRY:
            core.tally.count(RETRIES, cause_of(run))
        ledger.moved(task, next_task.state)
        after.append(next_task)
    tx.save_tasks(after)
    sizes = {run.task_seq: _size(run) for run, _ in ended if run.map_index is not None}
    ready = settle_below(tx, [task for task in after if task.ended], ledger, sizes)
    ready += settle_again(tx, [task for task in after if task.state is TaskState.WAITING], ledger)
    return ready + [task for task in after if task.state is TaskState.READY and task.due_at_us <= tx.now_us]


def _size(run: Run) -> int:
    return len(orjson.dumps(run.result)) if run.state is RunState.SUCCEEDED else 0


def _larger(tx: Writer, ended: Sequence[tuple[Run, Ending]]) -> dict[str, str]:
    """By run that was out of memory and whose task asked to grow: the route with more memory for its next run."""
    exhausted = [run for run, ending in ended if ending.state is RunState.OUT_OF_MEMORY]
    specs = tx.specs([run.owner_seq for run in exhausted]) if exhausted else {}
    routes = {}
    for run in exhausted:
        route = Route.parse(run.route)
        if shape := retry.grown(route.shape, specs[run.owner_seq].memory_growth):
            routes[run.id] = replace(route, shape=shape).key
    return routes


def _follow(task: Task, run: Run, decision: Decision, now_us: int) -> Task:
    if decision.outcome is Outcome.SUCCEED:
        finished_at_us = run.finished_at_us or now_us
        return tasks_.succeeded(task, started_at_us=run.started_at_us, finished_at_us=finished_at_us)
    task = structs.replace(
        task,
        attempts=decision.attempts,
        crashes=decision.crashes,
        started_at_us=task.started_at_us or run.started_at_us,
    )
    failure = decision.failure or CANCELED
    if decision.outcome is Outcome.RETRY:
        return tasks_.retried(task, failure, due_at_us=decision.due_at_us)
    if decision.outcome is Outcome.CANCEL:
        return tasks_.canceled(task, failure, now_us=now_us)
    return tasks_.failed(task, failure, now_us=now_us)


def fail_unstarted(core: Core, tx: Writer, hopeless: Sequence[tuple[Run, Task, str]], ledger: Ledger) -> list[Task]:
    """End claimed runs that can never start; the tasks that this made ready."""
    ended = []
    for run, _, reason in hopeless:
        failure = Failure(code="unresolved_reference", message=reason)
        ending = Ending(state=RunState.FAILED, at_us=tx.now_us, failure=failure)
        ended.append((runs_.end(run, ending, tx.now_us), ending))
    tx.save_runs([run for run, _ in ended])
    return finish(core, tx, ended, ledger)
