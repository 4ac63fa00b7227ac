"""The store's promises about runs that are fed from outside of the fleet. Part of `store.py`."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from app.domain.task import Task, TaskSpec


class OutsideReads(Protocol):
    def said_outside(self, run_ids: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        """What was said of those of these runs that are fed from outside: JSON objects by run id."""


class OutsideWrites(Protocol):
    def say_outside(self, run_id: str, said: Mapping[str, Any]) -> None:
        """Insert or replace."""

    def save_spec(self, seq: int, spec: TaskSpec) -> None:
        """Replace what was asked for of the task."""

    def lock_unserved(self, route: str, limit: int) -> list[Task]:
        """As `lock_ready`, but by seq, and without tasks of open jobs: those may be run from outside."""

    def hold_name(self, name: str) -> None:
        """Nobody else holds this name until the transaction ends; whoever asks for it waits."""
