"""Maps as they are shown: how far they are, and their results as one list, where that is not too long."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from app.domain import limits
from app.domain import map as maps_
from app.domain.map import Map
from app.domain.task import Task
from app.ports.records import MapView, TaskView
from app.ports.store import Reader
from app.wire.states import TaskState

WHOLE: Final = limits.MAX_MAP_RESULT_BYTES
"""Bytes of results that one map is shown with, alone."""

IN_LISTS: Final = limits.MAX_RESULT_BYTES
"""And among others, as any task's result."""

_VALUES_IN_LISTS: Final = 1000
_HAS_RESULTS = frozenset({TaskState.SUCCEEDED, TaskState.FAILED, TaskState.CANCELED})


def with_maps(tx: Reader, views: Sequence[TaskView], most_bytes: int) -> list[TaskView]:
    """The tasks, the maps among them with what is known of them, and with results of at most so many bytes."""
    maps = tx.maps([view.task.seq for view in views if view.task.is_map])
    if not maps:
        return list(views)
    return [
        replace(view, map=_view(tx, view.task, maps[view.task.seq], most_bytes)) if view.task.is_map else view
        for view in views
    ]


def _view(tx: Reader, task: Task, a_map: Map, most_bytes: int) -> MapView:
    live = tx.live_counts(a_map) if a_map.live else {}
    has_results = task.state in _HAS_RESULTS and a_map.total is not None
    shown = has_results and a_map.result_bytes <= most_bytes
    return MapView(
        total=a_map.total,
        counts=maps_.counts(a_map, task.state, live),
        progress=1.0 if task.state is TaskState.SUCCEEDED else a_map.progress,
        source=_source(tx, a_map, most_bytes),
        result=tx.value_results(a_map) if shown else None,
        cut=has_results and not shown,
    )


def _source(tx: Reader, a_map: Map, most_bytes: int) -> Any:
    """As submitted. Where it was a list, that was kept as the values."""
    if not most_bytes:
        return None
    source = tx.map_source(a_map.task_seq)
    if source is not None or not a_map.fixed or (most_bytes < WHOLE and (a_map.total or 0) > _VALUES_IN_LISTS):
        return source
    indexes = range(a_map.total or 0)
    found = tx.map_values(a_map.task_seq, indexes)
    return [found[index] for index in indexes]
