"""The graph as a picture: boxes in columns by layer, in the order that crosses fewest lines, curves between them."""

from collections import defaultdict
from collections.abc import Sequence

from app.cli.client import Json
from app.cli.drawing import Box, draw, said
from app.cli.glyphs import SIGNS
from app.cli.reporting.markup import Markup, joined, tag

WIDE, HIGH = 210, 44
GAP_X, GAP_Y = 70, 12
EDGE = 10
LONGEST = 26
_PASSES = 4


def graph_svg(graph: Json) -> Markup:
    boxes = draw(graph)
    columns = _columns(boxes)
    tallest = max((len(column) for column in columns), default=0)
    height = 2 * EDGE + max(1, tallest) * (HIGH + GAP_Y)
    width = 2 * EDGE + max(1, len(columns)) * (WIDE + GAP_X) - GAP_X
    at: dict[int, tuple[int, int]] = {}
    for layer, column in enumerate(columns):
        top = EDGE + (tallest - len(column)) * (HIGH + GAP_Y) // 2
        for row, place in enumerate(column):
            at[place] = (EDGE + layer * (WIDE + GAP_X), top + row * (HIGH + GAP_Y))
    lines = (_line(at[need], at[place]) for place, box in enumerate(boxes) for need in box.needs)
    drawn = (_box(box, *at[place]) for place, box in enumerate(boxes))
    return tag(
        "svg",
        tag("title", "The tasks in layers, from left to right, each joined to those it needs"),
        tag("g", *lines, class_="edges"),
        *drawn,
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
        role="img",
    )


def _columns(boxes: Sequence[Box]) -> list[list[int]]:
    """By layer the places of its boxes, each near those that it is joined to."""
    layers: dict[int, list[int]] = defaultdict(list)
    for place, box in enumerate(boxes):
        layers[box.layer].append(place)
    columns = [layers[layer] for layer in sorted(layers)]
    below: dict[int, list[int]] = defaultdict(list)
    for place, box in enumerate(boxes):
        for need in box.needs:
            below[need].append(place)
    above = {place: list(box.needs) for place, box in enumerate(boxes)}
    for turn in range(_PASSES):
        joined_to, order = (above, columns) if turn % 2 == 0 else (below, columns[::-1])
        rows = {place: row / max(1, len(column) - 1) for column in columns for row, place in enumerate(column)}
        for column in order:
            column.sort(key=lambda place: _middle(joined_to.get(place, ()), rows, rows[place]))
            rows |= {place: row / max(1, len(column) - 1) for row, place in enumerate(column)}
    return columns


def _middle(places: Sequence[int], rows: dict[int, float], otherwise: float) -> float:
    return sum(rows[place] for place in places) / len(places) if places else otherwise


def _line(start: tuple[int, int], end: tuple[int, int]) -> Markup:
    x1, y1, x2, y2 = start[0] + WIDE, start[1] + HIGH // 2, end[0], end[1] + HIGH // 2
    bend = (x2 - x1) // 2
    return tag("path", d=f"M{x1} {y1} C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}")


def _box(box: Box, x: int, y: int) -> Markup:
    name = box.name if box.size == 1 else f"{box.name} x {box.size:,}"
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    words = said(box)
    shown = words if len(words) <= LONGEST + 4 else f"{words[: LONGEST + 3]}…"
    return tag(
        "g",
        tag("title", f"{name}: {words}"),
        tag("rect", x=x, y=y, width=WIDE, height=HIGH, rx=6),
        tag("text", f"{SIGNS[box.state]} {short}", x=x + 10, y=y + 18),
        tag("text", shown, x=x + 10, y=y + 35, class_="small"),
        *(_shares(box, x, y) if box.size > 1 else ()),
        class_=box.state,
    )


def _shares(box: Box, x: int, y: int) -> list[Markup]:
    """Along the bottom of a folded box: how many of its tasks are in which state."""
    bars, left = [], float(x)
    for state, count in box.counts.most_common():
        part = WIDE * count / box.size
        bars.append(tag("rect", x=f"{left:.1f}", y=y + HIGH - 4, width=f"{part:.1f}", height=4, class_=f"bar {state}"))
        left += part
    return [tag("g", joined(bars))]
