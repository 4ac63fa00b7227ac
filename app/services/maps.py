"""Maps: their values become tasks, and the ends of these become the map's. All in the caller's transaction.

1. `open_maps`: the needs of a map are met. Its values are written down, or asked for (`fetching.py`), and the first of
   them get tasks, which are ready: release, claim and all that follows treat them as any others.
2. `settle_values`: values have ended. They are counted, more are opened in their place, and a map whose last value has
   ended ends with it.
3. `close`: nothing more of a map is opened, and it ends with what is open.

What is opened is bounded (`app.domain.map.room`), so that a map of a million values costs no more at once than one of
some thousand. Values are locked before their map, and a map's task before its count.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from msgspec import structs

from app.domain import map as maps_
from app.domain import task as tasks_
from app.domain.map import Map, Verdict
from app.domain.task import Task
from app.ports.store import Writer
from app.services.ledger import Ledger
from app.services.map_values import open_values, widened
from app.services.values import BadValues, Elsewhere, Values, resolve
from app.wire.report import Failure
from app.wire.states import TaskState

CANCELED = Failure(code="canceled", message="canceled on request")
UNFINISHED = Failure(code="canceled", message="some of its values were canceled")


def open_maps(tx: Writer, tasks: Sequence[Task], ledger: Ledger) -> tuple[list[Task], list[Task]]:
    """Of locked maps that are ready: values that are ready now, and the maps that have ended by it."""
    found = {a_map.task_seq: a_map for a_map in tx.lock_maps([task.seq for task in tasks])} if tasks else {}
    ready: list[Task] = []
    ended: list[Task] = []
    for task in tasks:
        try:
            a_map = _with_values(tx, task, found[task.seq])
        except BadValues as wrong:
            ended.append(fail(tx, task, found[task.seq], str(wrong), ledger))
            continue
        ledger.moved(task, TaskState.RUNNING)
        opened = tasks_.opened(task, tx.now_us)
        tx.save_tasks([opened])
        values, after = advance(tx, opened, a_map, ledger, asked=True)
        ready += values
        ended += [after] if after.ended else []
    return ready, ended


def _with_values(tx: Writer, task: Task, a_map: Map) -> Map:
    if a_map.total is not None:
        return a_map
    found = resolve(tx, task, tx.map_source(task.seq))
    if isinstance(found, Elsewhere):
        return replace(a_map, fetch_at_us=tx.now_us)
    return with_values(tx, a_map, found)


def with_values(tx: Writer, a_map: Map, values: Values) -> Map:
    tx.clear_values(a_map.task_seq)
    tx.put_values(a_map.task_seq, values.chunks)
    return replace(a_map, total=values.total)


def fail(tx: Writer, task: Task, a_map: Map, why: str, ledger: Ledger) -> Task:
    """A map whose values are none: it ends, and never had any."""
    after = tasks_.failed(task, Failure(code="bad_values", message=why), now_us=tx.now_us)
    ledger.moved(task, after.state)
    tx.save_maps([maps_.closed(a_map)])
    tx.save_tasks([after])
    return after


def advance(tx: Writer, task: Task, a_map: Map, ledger: Ledger, *, asked: bool = False) -> tuple[list[Task], Task]:
    """Open what there is room for, and end the map when nothing is left; saved. The values that are ready now, and the
    map's task. `asked`: its job is known to be wanted.
    """
    values, a_map = open_values(tx, task, a_map, asked=asked)
    after = _judged(tx, task, a_map)
    if after is not task:
        ledger.moved(task, after.state)
        tx.save_tasks([after])
        a_map = maps_.closed(a_map)
    tx.save_maps([a_map])
    return values, after


def _judged(tx: Writer, task: Task, a_map: Map) -> Task:
    verdict = maps_.verdict(a_map, cancel=task.cancel)
    if verdict is Verdict.SUCCEED:
        return tasks_.succeeded(task, started_at_us=None, finished_at_us=tx.now_us)
    if verdict is Verdict.FAIL:
        return tasks_.failed(task, _why(tx, a_map), now_us=tx.now_us)
    if verdict is Verdict.CANCEL:
        return tasks_.canceled(task, CANCELED if task.cancel else UNFINISHED, now_us=tx.now_us)
    return task


def _why(tx: Writer, a_map: Map) -> Failure:
    """How many values failed, and what became of the first that did not succeed."""
    failure = maps_.failure(a_map)
    below = min(a_map.made, a_map.total or 0)
    for value in tx.lock_values(a_map.task_seq, 0, below, 1, unsuccessful=True):
        if value.failure is not None:
            return structs.replace(
                failure, message=f"{failure.message}; value {value.map_index}: {value.failure.message}"
            )
    return failure


def settle_values(
    tx: Writer, ended: Sequence[Task], ledger: Ledger, sizes: Mapping[int, int]
) -> tuple[list[Task], list[Task]]:
    """Of tasks that have ended: the values that are ready in place of those among them, and the others together with
    the maps that have ended by it. `sizes` are the bytes of values' results, by their numbers.
    """
    by_map: dict[int, list[Task]] = defaultdict(list)
    for task in ended:
        if task.map_index is not None:
            by_map[task.owner_seq].append(task)
    if not by_map:
        return [], list(ended)
    ready: list[Task] = []
    others = [task for task in ended if task.map_index is None]
    for task, a_map in locked(tx, by_map):
        values = by_map[task.seq]
        size = sum(sizes.get(value.seq, 0) for value in values)
        counted = maps_.counted(a_map, Counter(value.state for value in values), size)
        opened, after = advance(tx, task, counted, ledger)
        ready += opened
        others += [after] if after.ended else []
    return ready, others


def refill(tx: Writer, map_seq: int, ledger: Ledger) -> tuple[list[Task], list[Task]]:
    """Open what there is room for, of a map that runs: values that are ready now, and the map when it has ended."""
    for task, a_map in locked(tx, [map_seq]):
        if task.state is TaskState.RUNNING and a_map.total is not None:
            if not a_map.exhausted:
                a_map = widened(tx, a_map)
            values, after = advance(tx, task, a_map, ledger)
            return values, [after] if after.ended else []
    return [], []


def close(tx: Writer, seqs: Collection[int], ledger: Ledger) -> list[Task]:
    """Of these maps those that run: nothing more of them is opened. Those that have ended by it: nothing was open."""
    ended = []
    for task, a_map in locked(tx, seqs):
        if task.state is TaskState.RUNNING:
            _, after = advance(tx, task, replace(a_map, closing=True), ledger)
            ended += [after] if after.ended else []
    return ended


def locked(tx: Writer, seqs: Collection[int]) -> list[tuple[Task, Map]]:
    """These maps, by number."""
    tasks = tx.lock_tasks(seqs) if seqs else []
    found = {a_map.task_seq: a_map for a_map in tx.lock_maps([task.seq for task in tasks])} if tasks else {}
    return [(task, found[task.seq]) for task in tasks]
