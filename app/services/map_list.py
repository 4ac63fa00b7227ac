"""The values of a map, one by one: what each is, how far its task is, and what came of it."""

from dataclasses import dataclass
from typing import Any

from app.domain.run import Run
from app.domain.task import Task
from app.ports.records import Page
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core


@dataclass(frozen=True, slots=True, kw_only=True)
class OneValue:
    """`run` is the newest run of the value's task."""

    index: int
    value: Any  # JSON
    task: Task
    run: Run | None


def values(core: Core, who: Principal, task_id: str, page: Page) -> list[OneValue]:
    """Those that have been opened, in order; the key is (index,). None of a task that is no map. Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> list[OneValue]:
        task = query.find_task(tx, who, task_id).task
        if not task.is_map:
            return []
        total = tx.maps([task.seq])[task.seq].total or 0  # there may have been more of them in an earlier round
        found = {view.task.map_index or 0: view for view in tx.values(task.seq, page)}
        known = tx.map_values(task.seq, found)
        return [
            OneValue(index=index, value=known.get(index), task=view.task, run=view.run)
            for index, view in found.items()
            if index < total
        ]

    return core.store.read(work)
