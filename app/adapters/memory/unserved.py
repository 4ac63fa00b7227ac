"""Changes for runs from outside of the fleet, and the tasks that no node need serve, in memory."""

from collections.abc import Mapping
from typing import Any

from app.adapters.memory.runs import RunWrites
from app.domain.task import Task, TaskSpec


class OutsideWrites(RunWrites):
    def say_outside(self, run_id: str, said: Mapping[str, Any]) -> None:
        self._state.outside.put(run_id, said)

    def save_spec(self, seq: int, spec: TaskSpec) -> None:
        self._state.specs.put(seq, spec)

    def lock_unserved(self, route: str, limit: int) -> list[Task]:
        ready = (self._state.tasks[key[-1]] for key in self._state.ready.of(route))
        may_go = (task for task in ready if self._may_go(task) and not self._state.jobs[task.job_seq].open)
        return sorted(may_go, key=lambda task: task.seq)[:limit]

    def hold_name(self, name: str) -> None:
        """There is one writer at a time."""
