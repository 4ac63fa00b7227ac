"""Tasks have ended: return their parts to the chords below, release or skip the bodies, and go on down.

The rule for one chord is `app.domain.chords.judge`; here it is applied to a batch, in the caller's transaction. However
deep the graph, what one failure skips takes one recursive statement and not one a level.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from app.domain import task as tasks_
from app.domain.chords import RunWhen, Verdict, judge
from app.domain.graph import shorten
from app.domain.task import Task
from app.ports.records import Part
from app.ports.store import Writer
from app.services.ledger import Ledger
from app.services.maps import open_maps, settle_values
from app.wire.report import Failure
from app.wire.states import TaskState

_NAMED = 5
_NO_SIZES: Mapping[int, int] = {}
UPSTREAM = Failure(code="upstream", message="skipped: a task above it did not succeed")
NOT_NEEDED = Failure(code="condition_not_met", message="skipped: none of its needs failed, and it runs when any failed")


def settle_below(tx: Writer, ended: Sequence[Task], ledger: Ledger, sizes: Mapping[int, int] = _NO_SIZES) -> list[Task]:
    """The tasks that became ready. `ended` are tasks already saved in a terminal state, values of maps among them
    (`sizes` as in `settle_values`).
    """
    ready, fresh = settle_values(tx, ended, ledger, sizes)
    while fresh:
        skipped = _skip_below(tx, fresh, ledger)
        parts = [Part(header_seq=task.seq, succeeded=task.state is TaskState.SUCCEEDED) for task in (*fresh, *skipped)]
        verdicts = {chord.body_seq: judge(chord.run_when, chord.count) for chord in tx.return_parts(parts)}
        decided = [seq for seq, verdict in verdicts.items() if verdict is not Verdict.WAIT]
        bodies = [task for task in tx.lock_tasks(decided) if task.state is TaskState.WAITING] if decided else []
        released, fresh = decide(tx, bodies, verdicts, ledger)
        ready += released
    return ready


def settle_again(tx: Writer, waiting: Sequence[Task], ledger: Ledger) -> list[Task]:
    """The tasks that became ready, of some that wait again after their chords may have been decided without them."""
    tasks = [task for task in tx.lock_tasks([task.seq for task in waiting]) if task.state is TaskState.WAITING]
    if not tasks:
        return []
    verdicts = {chord.body_seq: judge(chord.run_when, chord.count) for chord in tx.chord_states([t.seq for t in tasks])}
    decided = [task for task in tasks if verdicts[task.seq] is not Verdict.WAIT]
    ready, ended = decide(tx, decided, verdicts, ledger)
    return ready + settle_below(tx, ended, ledger)


def decide(
    tx: Writer, waiting: Iterable[Task], verdicts: Mapping[int, Verdict], ledger: Ledger
) -> tuple[list[Task], list[Task]]:
    """The verdict on each waiting task carried out: what is ready to run, and what has ended: skipped, or a map that
    was opened and is over.
    """
    bodies = list(waiting)
    released = _release(tx, [task for task in bodies if verdicts[task.seq] is Verdict.RELEASE], ledger)
    values, over = open_maps(tx, [task for task in released if task.is_map], ledger)
    unneeded = [task for task in bodies if verdicts[task.seq] is Verdict.SKIP]
    skipped = _skip(tx, [(task, _unmet(task)) for task in unneeded], ledger)
    return [task for task in released if not task.is_map] + values, skipped + over


def _unmet(task: Task) -> Failure:
    return NOT_NEEDED if task.run_when is RunWhen.ANY_FAILED else UPSTREAM


def _skip_below(tx: Writer, ended: Iterable[Task], ledger: Ledger) -> list[Task]:
    unsuccessful = [task for task in ended if task.state is not TaskState.SUCCEEDED]
    if not unsuccessful:
        return []
    culprits: dict[int, list[Task]] = defaultdict(list)
    for task in unsuccessful:
        culprits[task.job_seq].append(task)
    below = tx.lock_waiting_below([task.seq for task in unsuccessful])
    return _skip(tx, [(task, _because(culprits[task.job_seq])) for task in below], ledger)


def _because(culprits: Sequence[Task]) -> Failure:
    """Of several that ended at once it is not asked which one stands above: the sentence holds for each."""
    first, *others = culprits
    if not others:
        message = f"skipped: task {shorten(first.name)} above it was {first.state.value}"
        return Failure(code="upstream", message=message)
    names = ", ".join(f"{shorten(task.name)} ({task.state.value})" for task in culprits[:_NAMED])
    more = f" and {len(culprits) - _NAMED} more" if len(culprits) > _NAMED else ""
    return Failure(code="upstream", message=f"skipped: at least one of these stands above it: {names}{more}")


def _skip(tx: Writer, wanted: Sequence[tuple[Task, Failure]], ledger: Ledger) -> list[Task]:
    after = [tasks_.skipped(task, failure, now_us=tx.now_us) for task, failure in wanted]
    tx.save_tasks(after)
    for task, _ in wanted:
        ledger.moved(task, TaskState.SKIPPED)
    return after


def _release(tx: Writer, bodies: Sequence[Task], ledger: Ledger) -> list[Task]:
    after = [tasks_.released(task) for task in bodies]
    tx.save_tasks(after)
    for task in bodies:
        ledger.moved(task, TaskState.READY)
    return after
