"""Tasks have ended: return their parts to the chords below, release or skip the bodies, and go on down.

The rule for one chord is `app.domain.chords.judge`; here it is applied to a batch, in the caller's transaction. However
deep the graph, what one failure skips takes one recursive statement and not one a level.
"""

from collections.abc import Iterable, Sequence

from app.domain import task as tasks_
from app.domain.chords import Verdict, judge
from app.domain.graph import shorten
from app.domain.task import Task
from app.ports.records import Part
from app.ports.store import Writer
from app.services.ledger import Ledger
from app.wire.report import Failure
from app.wire.states import TaskState

NOT_NEEDED = Failure(code="condition_not_met", message="skipped: none of its needs failed, and it runs when any failed")


def settle_below(tx: Writer, ended: Sequence[Task], ledger: Ledger) -> list[Task]:
    """The tasks that became ready. `ended` are tasks already saved in a terminal state."""
    ready: list[Task] = []
    fresh = list(ended)
    while fresh:
        skipped = _skip_below(tx, fresh, ledger)
        parts = [Part(header_seq=task.seq, succeeded=task.state is TaskState.SUCCEEDED) for task in (*fresh, *skipped)]
        verdicts = {chord.body_seq: judge(chord.run_when, chord.count) for chord in tx.return_parts(parts)}
        decided = [seq for seq, verdict in verdicts.items() if verdict is not Verdict.WAIT]
        bodies = [task for task in tx.lock_tasks(decided) if task.state is TaskState.WAITING] if decided else []
        ready += _release(tx, (task for task in bodies if verdicts[task.seq] is Verdict.RELEASE), ledger)
        unneeded = [task for task in bodies if verdicts[task.seq] is Verdict.SKIP]
        fresh = _skip(tx, [(task, NOT_NEEDED) for task in unneeded], ledger)
    return ready


def _skip_below(tx: Writer, ended: Iterable[Task], ledger: Ledger) -> list[Task]:
    unsuccessful = [task for task in ended if task.state is not TaskState.SUCCEEDED]
    if not unsuccessful:
        return []
    culprits = {task.job_seq: task for task in unsuccessful}
    below = tx.lock_waiting_below([task.seq for task in unsuccessful])
    return _skip(tx, [(task, _because(culprits[task.job_seq])) for task in below], ledger)


def _because(culprit: Task) -> Failure:
    return Failure(code="upstream", message=f"skipped: task {shorten(culprit.name)} above it was {culprit.state.value}")


def _skip(tx: Writer, wanted: Sequence[tuple[Task, Failure]], ledger: Ledger) -> list[Task]:
    after = [tasks_.skipped(task, failure, now_us=tx.now_us) for task, failure in wanted]
    tx.save_tasks(after)
    for task, _ in wanted:
        ledger.moved(task, TaskState.SKIPPED)
    return after


def _release(tx: Writer, bodies: Iterable[Task], ledger: Ledger) -> list[Task]:
    before = list(bodies)
    after = [tasks_.released(task) for task in before]
    tx.save_tasks(after)
    for task in before:
        ledger.moved(task, TaskState.READY)
    return after
