"""A graph in words: its steps, each with the tasks that can begin when those of the steps before have ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.ports.records import TaskView
from app.services.query import GraphView


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One task, and what it needs."""

    view: TaskView
    needs: Sequence[TaskView]


def steps(graph: GraphView) -> list[list[Line]]:
    """Only the tasks and edges that the view has; in each step in order of submission."""
    views = {view.task.position: view for view in graph.tasks}
    needs: dict[int, list[int]] = {}
    below: dict[int, list[int]] = {}
    for header, body in graph.edges:
        if header in views and body in views:
            needs.setdefault(body, []).append(header)
            below.setdefault(header, []).append(body)
    levels = _levels(views, needs, below)
    found: list[list[Line]] = [[] for _ in range(max(levels.values(), default=-1) + 1)]
    for position, view in views.items():
        found[levels[position]].append(Line(view=view, needs=[views[header] for header in needs.get(position, ())]))
    return found


def _levels(
    views: Mapping[int, TaskView], needs: Mapping[int, Sequence[int]], below: Mapping[int, Sequence[int]]
) -> dict[int, int]:
    """Of each task the length of the longest chain above it."""
    left = {position: len(needs.get(position, ())) for position in views}
    walk = [position for position, count in left.items() if not count]
    levels = dict.fromkeys(walk, 0)
    for position in walk:  # grows while it is walked
        for body in below.get(position, ()):
            levels[body] = max(levels.get(body, 0), levels[position] + 1)
            left[body] -= 1
            if not left[body]:
                walk.append(body)
    return levels
