"""Is this a DAG, and what does it look like? Names become positions, cycles are named, heights are measured.

Near linear: 100,000 tasks with 500,000 edges are checked in well under a second.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain import limits
from app.domain.errors import Invalid, Problem

_CYCLE_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Tasks by position. `needs[i]` are the positions task i waits for; `heights[i]` is the length of the longest
    chain of tasks below it (0 for a task nobody needs); `order` is a topological order.
    """

    needs: tuple[tuple[int, ...], ...]
    heights: tuple[int, ...]
    order: tuple[int, ...]


def build(names: Sequence[str], needs: Sequence[Sequence[str]]) -> Graph:
    """Raises Invalid with every duplicate name, unknown need, repeated need and passed limit, or with one cycle."""
    problems: list[Problem] = []
    positions = _positions(names, problems)
    edges = _resolve(positions, needs, problems)
    if problems:
        raise Invalid(problems[: limits.MAX_PROBLEMS], total=len(problems))
    order = _order(edges)
    if len(order) < len(edges):
        raise Invalid([_describe_cycle(names, edges, order)])
    return Graph(needs=edges, heights=_heights(edges, order), order=tuple(order))


def _positions(names: Sequence[str], problems: list[Problem]) -> dict[str, int]:
    if len(names) > limits.MAX_TASKS:
        raise Invalid([Problem("/tasks", f"has {len(names)} tasks; at most {limits.MAX_TASKS} are allowed")])
    positions: dict[str, int] = {}
    for position, name in enumerate(names):
        first = positions.setdefault(name, position)
        if first != position:
            detail = f"the name {shorten(name)} is already used by task {first}; names are unique within a job"
            problems.append(Problem(f"/tasks/{position}/name", detail))
    return positions


def _resolve(
    positions: dict[str, int], needs: Sequence[Sequence[str]], problems: list[Problem]
) -> tuple[tuple[int, ...], ...]:
    total = sum(map(len, needs))
    if total > limits.MAX_EDGES:
        raise Invalid([Problem("/tasks", f"has {total} needs in all; at most {limits.MAX_EDGES} are allowed")])
    edges = []
    for position, wanted in enumerate(needs):
        if len(wanted) > limits.MAX_NEEDS:
            detail = f"has {len(wanted)} needs; at most {limits.MAX_NEEDS} are allowed"
            problems.append(Problem(f"/tasks/{position}/needs", detail))
        row = [positions.get(name, -1) for name in wanted]
        if -1 in row or len(set(row)) < len(row):
            _complain(position, wanted, row, problems)
        edges.append(tuple(row))
    return tuple(edges)


def _complain(position: int, wanted: Sequence[str], row: list[int], problems: list[Problem]) -> None:
    seen: set[str] = set()
    for index, name in enumerate(wanted):
        pointer = f"/tasks/{position}/needs/{index}"
        if name in seen:
            problems.append(Problem(pointer, f"{shorten(name)} is needed twice"))
        elif row[index] == -1:
            problems.append(Problem(pointer, f"there is no task named {shorten(name)} in this job"))
        seen.add(name)


def _order(edges: Sequence[Sequence[int]]) -> list[int]:
    """Kahn's algorithm; what lies on or below a cycle is left out."""
    below = _below(edges)
    open_needs = [len(row) for row in edges]
    order = [position for position, count in enumerate(open_needs) if not count]
    for position in order:  # grows while it is walked
        for body in below[position]:
            open_needs[body] -= 1
            if not open_needs[body]:
                order.append(body)
    return order


def _below(edges: Sequence[Sequence[int]]) -> list[list[int]]:
    below: list[list[int]] = [[] for _ in edges]
    for body, row in enumerate(edges):
        for header in row:
            below[header].append(body)
    return below


def _heights(edges: Sequence[Sequence[int]], order: Sequence[int]) -> tuple[int, ...]:
    heights = [0] * len(edges)
    for body in reversed(order):
        above = heights[body] + 1
        for header in edges[body]:
            heights[header] = max(heights[header], above)
    return tuple(heights)


def weighted(shape: Graph, weights: Sequence[int]) -> tuple[int, ...]:
    """Heights when tasks take unlike times: the longest chain of expected work from each task on, with its own."""
    heights = list(weights)
    for body in reversed(shape.order):
        for header in shape.needs[body]:
            heights[header] = max(heights[header], weights[header] + heights[body])
    return tuple(heights)


def _describe_cycle(names: Sequence[str], edges: Sequence[Sequence[int]], order: Sequence[int]) -> Problem:
    """Walk up needs that are themselves stuck: within as many steps as there are tasks a task comes round again."""
    stuck = set(range(len(edges))) - set(order)
    path: list[int] = []
    met: dict[int, int] = {}
    here = min(stuck)
    while here not in met:
        met[here] = len(path)
        path.append(here)
        here = next(header for header in edges[here] if header in stuck)
    members = path[met[here] :]
    shown = [shorten(names[position]) for position in members[:_CYCLE_SHOWN]]
    more = f" ... ({len(members)} tasks in all)" if len(members) > _CYCLE_SHOWN else f" -> {shown[0]}"
    return Problem(f"/tasks/{members[0]}/needs", "tasks need each other in a cycle: " + " -> ".join(shown) + more)


def shorten(name: str, most: int = 60) -> str:
    """A name for use in a sentence: quoted, cut when long."""
    return repr(name if len(name) <= most else name[:most] + "...")
