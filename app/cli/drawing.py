"""How is a job's graph told in a few lines? In layers, with what is alike in it folded into one.

1. A task's layer is the length of the longest chain above it.
2. Tasks of one layer are alike when their names begin alike, they run in the same way, and what stands above and below
   them is alike. Four or more of them are folded: `render-* x 400`.
3. What is still too much to read is summarised: one box for each layer.

Pure: from the API's graph (`/v1/jobs/{id}/graph`) to values that every format is written from.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from app.cli.client import Json
from app.cli.columns import ORDER

FOLDED_FROM = 4
MOST_BOXES = 200
_ROUNDS = 8
_STEM = re.compile(r"[^\W\d_]+")
_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One task, or many that are alike. `needs` are the places of other boxes, `values` how many a single map has."""

    name: str
    layer: int
    counts: Counter[str]
    progress: float
    needs: tuple[int, ...]
    task_id: str | None = None
    values: int | None = None

    @property
    def size(self) -> int:
        return self.counts.total()

    @property
    def state(self) -> str:
        """Of many the one that most deserves a look."""
        return min(self.counts, key=_URGENCY.index)


_URGENCY = ("failed", "running", "queued", "ready", "waiting", "canceled", "skipped", "succeeded")


def draw(graph: Json, *, fold: bool = True, most: int | None = MOST_BOXES) -> list[Box]:
    """The boxes, layer by layer."""
    tasks: Sequence[Json] = graph["nodes"]
    needs = _needs(graph)
    layers = layers_of(needs)
    keys: list[object] = list(range(len(tasks)))
    if fold:
        alike = _alike(tasks, needs, layers)
        sizes = Counter(alike)
        keys = [("alike", kind) if sizes[kind] >= FOLDED_FROM else place for place, kind in enumerate(alike)]
    boxes = _boxes(tasks, needs, layers, keys)
    if most is not None and len(boxes) > most:
        return _boxes(tasks, needs, layers, layers, of_layers=True)
    return boxes


def _needs(graph: Json) -> list[list[int]]:
    places = {task["id"]: place for place, task in enumerate(graph["nodes"])}
    needs: list[list[int]] = [[] for _ in places]
    for edge in graph["edges"]:
        needs[places[edge["target"]]].append(places[edge["source"]])
    return needs


def layers_of(needs: Sequence[Sequence[int]]) -> list[int]:
    layers = [0] * len(needs)
    open_needs = [len(above) for above in needs]
    below = _turned(needs)
    ready = [place for place, count in enumerate(open_needs) if not count]
    for place in ready:  # grows while it is walked
        for body in below[place]:
            layers[body] = max(layers[body], layers[place] + 1)
            open_needs[body] -= 1
            if not open_needs[body]:
                ready.append(body)
    return layers


def _turned(needs: Sequence[Sequence[int]]) -> list[list[int]]:
    below: list[list[int]] = [[] for _ in needs]
    for place, above in enumerate(needs):
        for need in above:
            below[need].append(place)
    return below


def _alike(tasks: Sequence[Json], needs: Sequence[Sequence[int]], layers: Sequence[int]) -> list[int]:
    """A number for each task, the same for those that are alike: what is told apart by its neighbours is told apart,
    again and again, until nothing more is.
    """
    below = _turned(needs)
    kinds = _numbered(
        [(layers[i], _stem(task["name"]), task["executor"], task["type"]) for i, task in enumerate(tasks)]
    )
    count = len(set(kinds))
    for _ in range(_ROUNDS):
        finer = _numbered(
            [
                (kinds[i], frozenset(kinds[j] for j in needs[i]), frozenset(kinds[j] for j in below[i]))
                for i in range(len(tasks))
            ]
        )
        if len(set(finer)) == count:
            break
        kinds, count = finer, len(set(finer))
    return kinds


def _numbered(keys: Sequence[object]) -> list[int]:
    numbers: dict[object, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _stem(name: str) -> str:
    found = _STEM.match(name)
    return found.group() if found else ""


def _boxes(
    tasks: Sequence[Json],
    needs: Sequence[Sequence[int]],
    layers: Sequence[int],
    keys: Sequence[object],
    *,
    of_layers: bool = False,
) -> list[Box]:
    members: dict[object, list[int]] = defaultdict(list)
    for place in sorted(range(len(tasks)), key=lambda place: layers[place]):
        members[keys[place]].append(place)
    at = {place: number for number, group in enumerate(members.values()) for place in group}
    boxes = []
    for number, group in enumerate(members.values()):
        single = tasks[group[0]] if len(group) == 1 else None
        boxes.append(
            Box(
                name=single["name"] if single else _name([tasks[place] for place in group], of_layers),
                layer=layers[group[0]],
                counts=Counter(tasks[place]["state"] for place in group),
                progress=sum(tasks[place]["progress"] for place in group) / len(group),
                needs=tuple(sorted({at[need] for place in group for need in needs[place]} - {number})),
                task_id=single["id"] if single else None,
                values=single.get("values") if single else None,
            )
        )
    return boxes


def _name(tasks: Sequence[Json], of_layer: bool) -> str:
    if not of_layer:
        return f"{_shared([task['name'] for task in tasks])}*"
    stems = Counter(_stem(task["name"]) or task["name"] for task in tasks)
    named = ", ".join(f"{stem}*" for stem, _ in stems.most_common(_NAMED))
    return named + (", ..." if len(stems) > _NAMED else "")


def _shared(names: Sequence[str]) -> str:
    """How all of them begin: that of the first and the last in the alphabet."""
    first, last = min(names), max(names)
    different = (place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(different, len(first))]


def said(box: Box) -> str:
    """Its state in words: `312 succeeded, 3 failed`."""
    if box.size == 1:
        state = box.state
        return f"{state} {box.progress:.0%}" if state == "running" and box.progress else state
    return ", ".join(f"{box.counts[state]:,} {state}" for state in ORDER if box.counts[state])
