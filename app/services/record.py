"""Reports come in: one transaction a batch, however many runs it speaks of.

1. Fold each report into its run. A repeat changes nothing; a report with an old fence, of another node's run or of
   a run that ended otherwise is refused as stale, and the node kills that tree.
2. For each run that ended decide what becomes of its task, return chord parts, release or skip bodies (`finish.py`).
3. Hand the asking slots their next runs, claimed in this same transaction (`handoff.py`).
4. Offer what else became ready (`release.py`), write counts and events (`ledger.py`), and renew the node's lease.

The answer is given after the commit, so a node that has it may forget the reports.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain import run as runs_
from app.domain.errors import NotFound
from app.domain.run import Run
from app.ports.records import StoredLine
from app.ports.store import Writer
from app.services.core import MICROSECONDS, Core
from app.services.finish import finish
from app.services.followers import in_turn
from app.services.gate import Gate
from app.services.handoff import hand_off, silent_slots
from app.services.ledger import Ledger
from app.services.release import Offers, publish, release
from app.services.tally import REPORTS
from app.wire.report import Ending, Report, ReportAnswer, ReportBatch
from app.wire.states import RunState


@dataclass(slots=True)
class _Folded:
    """What a batch of reports comes to; `repeats` are the runs of those that have come before."""

    changed: dict[str, Run] = field(default_factory=dict)
    ended: list[tuple[Run, Ending]] = field(default_factory=list)
    asking: list[tuple[Run, int]] = field(default_factory=list)
    accepted: list[tuple[Run, Report]] = field(default_factory=list)
    repeats: set[str] = field(default_factory=set)
    stale: list[str] = field(default_factory=list)
    fenced: int = 0


def record(core: Core, node_id: str, batch: ReportBatch) -> ReportAnswer:
    """Raises NotFound for a node that has to register first."""

    def work(tx: Writer) -> tuple[ReportAnswer, Offers, int]:
        freed = core.fleet.note_free(node_id, batch.free)
        runs = tx.lock_reported(node_id, {report.run_id for report in batch.reports})
        if runs is None:
            raise NotFound("this node is not registered")
        known = {run.id: run for run in runs}
        folded = _fold(node_id, in_turn(tx, batch.reports, known), known, tx.now_us)
        _write(core, tx, folded)
        gate = Gate(tx, {run.route for run, _ in folded.asking} if core.handoff else ())
        ledger = Ledger()
        ready = finish(core, tx, folded.ended, ledger)
        given = hand_off(core, tx, gate, node_id, folded.asking, folded.repeats, ledger)
        routes = (given.routes | {task.route for task in ready}) - given.emptied
        routes |= silent_slots(core, tx, node_id, [run for run, _ in folded.ended], folded.asking)
        if freed:
            routes |= set(tx.ready_routes())
        offers = release(core, tx, routes, ledger, gate)
        ledger.write(tx)
        # Last, and its row is held no longer than the commit takes: claims of the same node need not wait for all this.
        until_us = tx.now_us + int(core.clockwork.lease_s * MICROSECONDS)
        tx.keep_lease(node_id, until_us, core.fleet.free(node_id))
        answer = ReportAnswer(now_us=tx.now_us, stale=tuple(folded.stale), handoffs=given.runs)
        return answer, offers, folded.fenced

    answer, offers, fenced = core.store.write(work)
    publish(core, offers)
    core.tally.count(REPORTS, "accepted", count=len(batch.reports) - len(answer.stale))
    if fenced:
        core.tally.count(REPORTS, "fenced", count=fenced)
    if len(answer.stale) > fenced:
        core.tally.count(REPORTS, "refused", count=len(answer.stale) - fenced)
    return answer


def _fold(node_id: str, reports: Sequence[Report], runs: Mapping[str, Run], now_us: int) -> _Folded:
    folded = _Folded()
    for report in reports:
        run = folded.changed.get(report.run_id) or runs.get(report.run_id)
        if run is None or run.fence != report.fence or run.node_id != node_id:
            folded.stale.append(report.run_id)
            folded.fenced += run is not None and run.fence != report.fence
            continue
        if report.sequence > run.sequence:
            if run.state is not RunState.RUNNING:
                folded.stale.append(report.run_id)
                continue
            run = runs_.fold(run, report, now_us)
            folded.changed[run.id] = run
            folded.accepted.append((run, report))
            if report.ending:
                folded.ended.append((run, report.ending))
        else:  # a repeat, or one that was overtaken: the store knows which lines it has
            folded.repeats.add(run.id)
            if report.lines:
                folded.accepted.append((run, report))
        if report.ending and report.takes > 0:
            folded.asking.append((run, report.takes))
    return folded


def _write(core: Core, tx: Writer, folded: _Folded) -> None:
    for run, _ in folded.ended:
        core.pace.note(run)
    tx.save_runs(list(folded.changed.values()))
    tx.add_lines(
        [
            StoredLine(
                seq=0, job_seq=run.job_seq, task_seq=run.owner_seq, task_id=run.task_id, run_id=run.id, line=line
            )
            for run, report in folded.accepted
            for line in report.lines
        ]
    )
    tx.add_samples([(run.id, sample) for run, report in folded.accepted for sample in report.samples])
