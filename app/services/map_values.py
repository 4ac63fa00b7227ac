"""The next values of a map get tasks of their own: new ones, or those they had when the map ran before."""

from dataclasses import replace

from msgspec import structs

from app.domain import task as tasks_
from app.domain.job import Desired
from app.domain.map import WINDOW, Map, first_seq, room
from app.domain.map import widened as wider
from app.domain.node import slots
from app.domain.task import Task
from app.ports.store import Writer
from app.wire.resources import Route
from app.wire.states import TaskState


def open_values(tx: Writer, task: Task, a_map: Map, *, asked: bool) -> tuple[list[Task], Map]:
    """The values that are ready by it, and the map. None of a map that is held or to end, nor in a job that is to end;
    `asked`: the job is known to be wanted.
    """
    if task.held or task.cancel or not room(a_map):
        return [], a_map
    if not asked and tx.desired([task.job_seq]).get(task.job_seq) == Desired.CANCEL:
        return [], a_map
    if asked and (a_map.total or 0) > WINDOW:
        a_map = widened(tx, a_map)
    count = room(a_map)
    again: list[Task] = []
    upto = min(a_map.made, a_map.total or 0)
    if a_map.next < upto:
        again = tx.lock_values(a_map.task_seq, a_map.next, upto, count, unsuccessful=a_map.keep)
        upto = (again[-1].map_index or 0) + 1 if len(again) == count else upto
    start = max(a_map.next, upto)
    fresh = range(start, min(start + count - len(again), a_map.total or 0))
    reset = [tasks_.released(structs.replace(tasks_.reset(value), priority=task.priority)) for value in again]
    new = [_value(task, a_map, index, tx.now_us) for index in fresh]
    tx.save_tasks(reset)
    tx.insert_values(new)
    upto = start + len(fresh)
    return [*reset, *new], replace(
        a_map, next=upto, made=max(a_map.made, upto), live=a_map.live + len(reset) + len(new)
    )


def widened(tx: Writer, a_map: Map) -> Map:
    """With a window for the fleet as it is."""
    return wider(a_map, slots(tx.nodes(), Route.parse(a_map.route)))


def _value(task: Task, a_map: Map, index: int, now_us: int) -> Task:
    return Task(
        seq=first_seq(task.seq) + index,
        id=task.id,
        job_seq=task.job_seq,
        job_id=task.job_id,
        position=task.position,
        name=task.name,
        state=TaskState.READY,
        route=a_map.route,
        run_when=task.run_when,
        priority=task.priority,
        height=task.height,
        max_attempts=task.max_attempts,
        retry_delay_s=task.retry_delay_s,
        created_at_us=now_us,
        map_index=index,
        org_id=task.org_id,
    )
