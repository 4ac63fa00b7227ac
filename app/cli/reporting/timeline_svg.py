"""When did what run where? A lane for each node with a bar for each run; too many runs to see become a curve of how
many ran at once.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.cli.client import Json
from app.cli.output import duration, moment
from app.cli.reporting.markup import Markup, tag

WIDE, LABEL, EDGE = 1000, 170, 24
ROW, GAP, LANE_GAP, AXIS = 12, 2, 14, 24
CURVE = 60
MOST_BARS = 1500
SLICES = 400
TICKS = 6
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`start` and `end` in seconds after the job's beginning."""

    run: Json
    name: str
    start: float
    end: float


def timeline_svg(runs: Sequence[Json], names: Mapping[str, str], nodes: Mapping[str, str]) -> Markup | None:
    """`names` are the tasks', by id. None when nothing has run."""
    lanes = _lanes(runs, names)
    if not lanes:
        return None
    total = max(bar.end for bars in lanes.values() for bar in bars) or 1.0
    scale = (WIDE - LABEL - EDGE) / total
    many = sum(map(len, lanes.values())) > MOST_BARS
    parts: list[Markup] = []
    y = EDGE
    for node_id in sorted(lanes, key=lambda each: nodes.get(each, each)):
        drawn, height = _curve(lanes[node_id], total, y) if many else _bars(lanes[node_id], scale, y)
        parts += [tag("text", nodes.get(node_id, node_id)[:24], x=0, y=y + ROW), *drawn]
        y += height + LANE_GAP
    axis = _axis(total, scale, y)
    return tag(
        "svg",
        tag("title", "Runs by node, over time"),
        *axis,
        *parts,
        viewBox=f"0 0 {WIDE} {y + AXIS}",
        width=WIDE,
        height=y + AXIS,
        role="img",
    )


def _lanes(runs: Sequence[Json], names: Mapping[str, str]) -> dict[str, list[Bar]]:
    """By node, in order of time; a run from outside of the fleet has none."""
    began = [start for run in runs if (start := moment(run["startedAt"]))]
    if not began:
        return {}
    first = min(began)
    last = max(moment(run["finishedAt"]) or start for run in runs if (start := moment(run["startedAt"])))
    lanes: dict[str, list[Bar]] = defaultdict(list)
    for run in runs:
        if start := moment(run["startedAt"]):
            end = moment(run["finishedAt"]) or last
            seconds = ((start - first).total_seconds(), max(end, start))
            name = names.get(run["taskId"], run["taskId"])
            index = "" if run["mapIndex"] is None else f" [{run['mapIndex']}]"
            bar = Bar(run=run, name=name + index, start=seconds[0], end=(seconds[1] - first).total_seconds())
            lanes[run["nodeId"] or "outside"].append(bar)
    return {node: sorted(bars, key=lambda bar: bar.start) for node, bars in lanes.items()}


def _bars(bars: Sequence[Bar], scale: float, y: int) -> tuple[list[Markup], int]:
    """Each in the first row that is free; and the height of all rows."""
    rows: list[float] = []
    drawn = []
    for bar in bars:
        row = next((number for number, until in enumerate(rows) if until <= bar.start), len(rows))
        if row == len(rows):
            rows.append(0.0)
        rows[row] = bar.end
        long = duration(bar.end - bar.start)
        number = f", attempt {bar.run['number']}" if bar.run["number"] > 1 else ""
        drawn.append(
            tag(
                "rect",
                tag("title", f"{bar.name}{number}: {bar.run['state']} after {long}, from {duration(bar.start)} on"),
                x=f"{LABEL + bar.start * scale:.1f}",
                y=y + row * (ROW + GAP),
                width=f"{max(1.0, (bar.end - bar.start) * scale):.1f}",
                height=ROW,
                class_=f"bar {bar.run['state']}",
            )
        )
    return drawn, len(rows) * (ROW + GAP)


def _curve(bars: Sequence[Bar], total: float, y: int) -> tuple[list[Markup], int]:
    counts = [0] * (SLICES + 1)
    for bar in bars:
        counts[int(bar.start / total * SLICES)] += 1
        counts[min(SLICES, int(bar.end / total * SLICES) + 1)] -= 1
    level, most, levels = 0, 1, []
    for change in counts[:-1]:
        level += change
        most = max(most, level)
        levels.append(level)
    step = (WIDE - LABEL - EDGE) / SLICES
    points = " ".join(f"{LABEL + i * step:.1f},{y + CURVE - CURVE * each / most:.1f}" for i, each in enumerate(levels))
    area = f"{LABEL},{y + CURVE} {points} {WIDE - EDGE},{y + CURVE}"
    words = f"{len(bars):,} runs, up to {most} at once"
    drawn = [
        tag("polygon", tag("title", words), points=area, class_="bar running"),
        tag("text", words, x=0, y=y + 2 * ROW + 4, class_="small"),
    ]
    return drawn, CURVE


def _axis(total: float, scale: float, bottom: int) -> Iterator[Markup]:
    step = next((each for each in _STEPS_S if total / each <= TICKS), _STEPS_S[-1])
    for at in range(0, int(total) + 1, step):
        x = f"{LABEL + at * scale:.1f}"
        yield tag("line", x1=x, y1=0, x2=x, y2=bottom, class_="tick")
        words = f"{at}s" if at < 10 else duration(at)
        yield tag("text", words, x=x, y=bottom + 14, text_anchor="middle", class_="small")
