"""Tasks that were in flight at two node deaths already: one more and they fail. Which of them brought the node down?

A node holds at most one of them at a time. So whatever kills the next node is alone among the suspects there, and no
innocent neighbour of a poison task ever reaches the limit of crashes by its side.
"""

from collections.abc import Sequence
from typing import TypeVar

from app.domain import limits
from app.domain.task import Task
from app.ports.store import Writer

T = TypeVar("T")


def suspect(task: Task) -> bool:
    return task.crashes >= limits.CRASH_LIMIT - 1


def keep_apart(tx: Writer, node_id: str, offered: Sequence[tuple[T, Task]]) -> list[tuple[T, Task]]:
    """What of `offered` the node may take: all that is no suspect, and one suspect when it holds none."""
    if not any(suspect(task) for _, task in offered):
        return list(offered)
    held = tx.lock_tasks([run.task_seq for run in tx.held([node_id])])
    room = not any(suspect(task) for task in held)
    allowed = []
    for thing, task in offered:
        if not suspect(task):
            allowed.append((thing, task))
        elif room:
            allowed.append((thing, task))
            room = False
    return allowed
