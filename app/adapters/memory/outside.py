"""Runs that are fed from outside of the fleet: what was said of them, in memory."""

from collections.abc import Collection, Mapping
from typing import Any

from app.adapters.memory.state import State


class OutsideReads:
    _state: State

    def said_outside(self, run_ids: Collection[str]) -> Mapping[str, Mapping[str, Any]]:
        return {run_id: said for run_id in run_ids if (said := self._state.outside.get(run_id)) is not None}
