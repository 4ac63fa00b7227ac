"""Runs that follow others: a line of quick tasks is handed to one slot at once, and costs no request a task.

What a slot is handed may have a line of tasks below it, each of which waits for nothing but the one before. While they
are quick, and nothing else on the route is ready, they are claimed along with it, each with a run that `follows` the
one before: the node begins it when that has succeeded, and else gives it back unbegun. So

- a slot runs no longer without asking than with any bundle (`Pace.bundle`), and where that was guessed wrong the node
  gives back what is left (`worker/slot.py`);
- nothing that is ready is passed over, and what becomes ready meanwhile waits no longer than behind any bundle;
- nothing is taken from other slots, since only one task of a line can run at a time;
- the rows are written before anything runs, so that every run has its fence and its history.

A run that followed and whose turn never came leaves its task waiting, as it was (`finish.py`).
"""

from collections.abc import Mapping, Sequence
from itertools import takewhile

from msgspec import structs

from app.domain import run as runs_
from app.domain import task as tasks_
from app.domain.run import Run
from app.domain.task import Task
from app.ports.store import Writer
from app.services.assign import ask_specs, refers, to_specs
from app.services.core import Core
from app.services.gate import Gate
from app.services.ledger import Ledger
from app.services.release import new_runs
from app.wire import protocol
from app.wire.claim import RunSpec
from app.wire.report import Ending, Report
from app.wire.states import RunState, TaskState


def follow(
    core: Core, tx: Writer, gate: Gate, claims: Sequence[tuple[Run, Task]], most: int, ledger: Ledger
) -> list[RunSpec]:
    """What is handed out behind these claims of one slot, of which there may be `most` altogether."""
    run, task = claims[-1]
    room = min(most, core.pace.bundle(run.route, core.max_bundle, run.job_seq)) - len(claims)
    node = core.fleet.node(run.node_id or "")
    if room < 1 or node is None or node.protocol < protocol.FOLLOWS or task.map_index is not None:
        return []
    if gate.limits(run.route, task.org_id):
        return []
    line = list(takewhile(lambda each: each.route == run.route and not each.crashes, tx.lock_line(task.seq, room)))
    specs = ask_specs(tx, line)()
    line = list(takewhile(lambda each: not refers(specs[each.seq]), line))
    followers = []
    for fresh, each in zip(new_runs(core, tx, line), line, strict=True):
        claimed = runs_.claim(fresh, node_id=run.node_id, claim_id=run.claim_id or "", now_us=tx.now_us)
        run = runs_.following(claimed, run)
        followers.append((run, tasks_.following(each, run.id)))
        ledger.moved(each, TaskState.RUNNING)
    tx.insert_runs([run for run, _ in followers])
    tx.save_tasks([task for _, task in followers])
    return to_specs(core, tx, followers, lambda: specs)[0] if followers else []


def in_turn(tx: Writer, reports: Sequence[Report], runs: Mapping[str, Run]) -> Sequence[Report]:
    """The reports, where what ended otherwise than by not being begun has had its turn; what has not is lost."""
    if not any(run.follows for run in runs.values()):
        return reports
    states = {each.run_id: each.ending.state for each in reports if each.ending and _counts(each, runs)}
    checked = []
    for report in reports:
        run, ending = runs.get(report.run_id), report.ending
        if run and run.follows and ending and ending.state not in (RunState.LOST, RunState.CANCELED):
            before = states.get(run.follows) or getattr(tx.run(run.follows), "state", None)
            if before is not RunState.SUCCEEDED:
                states[run.id] = RunState.LOST
                report = structs.replace(report, ending=Ending(state=RunState.LOST, at_us=ending.at_us, released=True))
        checked.append(report)
    return checked


def _counts(report: Report, runs: Mapping[str, Run]) -> bool:
    run = runs.get(report.run_id)
    return run is not None and run.fence == report.fence and run.state is RunState.RUNNING


def early(tx: Writer, ended: Sequence[tuple[Run, Ending]]) -> set[str]:
    """Of runs that have ended those that did so before their turn: what they follow has not succeeded."""
    batch = {run.id: run for run, _ in ended}
    began: dict[str, bool] = {}
    for run, _ in ended:
        line = [run]
        while (before := line[-1].follows) in batch and before not in began:
            line.append(batch[before])
        for each in reversed(line):
            began[each.id] = each.follows is None or _succeeded(tx, each.follows, batch, began)
    return {run_id for run_id, in_turn in began.items() if not in_turn}


def _succeeded(tx: Writer, run_id: str, batch: Mapping[str, Run], began: Mapping[str, bool]) -> bool:
    """In this batch or before it."""
    run = batch.get(run_id) or tx.run(run_id)
    return run is not None and run.state is RunState.SUCCEEDED and began.get(run_id, True)
