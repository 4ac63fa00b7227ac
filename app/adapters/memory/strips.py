"""A map's values in bulk, in memory."""

from collections import Counter

from app.adapters.memory.state import State
from app.domain.map import Map, first_seq
from app.domain.task import Task
from app.ports.records import Page, ValueView
from app.ports.strips import Cell
from app.wire.states import TaskState


class StripReads:
    _state: State

    def cells(self, a_map: Map, size: int) -> list[Cell]:
        first = first_seq(a_map.task_seq)
        unlike = [task for task in self._values_in(a_map) if task.state is not TaskState.SUCCEEDED]
        counts = Counter(((task.seq - first) // size, task.state) for task in unlike)
        return [Cell(number=number, state=state, count=counts[number, state]) for number, state in sorted(counts)]

    def failed_values(self, a_map: Map, page: Page) -> list[ValueView]:
        after = page.after[0] if page.after else -1
        failed = [task for task in self._values_in(a_map) if task.state is TaskState.FAILED]
        found = [task for task in failed if (task.map_index or 0) > after][: page.limit]
        return [ValueView(task=task, run=self._state.runs.get(task.run_id) if task.run_id else None) for task in found]

    def _values_in(self, a_map: Map) -> list[Task]:
        return [self._state.tasks[seq] for seq in self._state.values_of.of(a_map.task_seq)]
