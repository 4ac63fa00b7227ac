"""Plots as SVG that the server writes: lines over time, a limit, the peak marked. They need no script.

A plot is drawn on a field of WIDTH times HEIGHT that is stretched to its place; what is text stands beside it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from app.ui import words

WIDTH: Final = 600
HEIGHT: Final = 100
_MOST: Final = 300
_HEADROOM: Final = 1.08

Values = Sequence[tuple[int, float]]
"""(microseconds, value), by time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """`style` names a look: `a`, `b`."""

    name: str
    values: Values
    style: str = "a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    name: str
    style: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """`readings` is [x, text] for each point of the first line's times, for the script that reads them out."""

    title: str
    lines: Sequence[Line]
    top: str
    limit_y: float | None
    limit: str
    peak: Mark | None
    peak_words: str
    begin: str
    end: str
    readings: Sequence[tuple[float, str]]


def plot(
    title: str,
    series: Sequence[Series],
    say: Callable[[float], str],
    *,
    limit: float | None = None,
    limit_words: str = "limit",
    peak: float | None = None,
    of_day: bool = False,
) -> Plot | None:
    """None without two points. All series are of the same times. `peak` where it is known better than the points tell;
    `of_day` says times of day.
    """
    kept = [Series(name=one.name, values=thinned(one.values), style=one.style) for one in series]
    first = kept[0].values if kept else ()
    if len(first) < 2:
        return None
    from_us, to_us = first[0][0], max(first[-1][0], first[0][0] + 1)
    highest = max(value for one in kept for _, value in one.values)
    top = max(highest, limit or 0.0, peak or 0.0) * _HEADROOM or 1.0
    at_us, at_value = max(first, key=lambda point: point[1])
    shown = max(at_value, peak or 0.0)
    time = _time_of_day if of_day else _time_since

    def x(moment_us: int) -> float:
        return round(WIDTH * (moment_us - from_us) / (to_us - from_us), 1)

    def y(value: float) -> float:
        return round(HEIGHT * (1 - value / top), 1)

    return Plot(
        title=title,
        lines=[
            Line(name=one.name, style=one.style, path=_path((x(at), y(value)) for at, value in one.values))
            for one in kept
        ],
        top=say(top / _HEADROOM),
        limit_y=None if limit is None else y(limit),
        limit="" if limit is None else f"{limit_words} {say(limit)}",
        peak=Mark(x=x(at_us), y=y(shown)) if shown > 0 else None,
        peak_words=f"peak {say(shown)} at {time(at_us, from_us)}" if shown > 0 else "",
        begin=time(from_us, from_us),
        end=time(to_us, from_us),
        readings=[
            (x(rows[0][0]), f"{time(rows[0][0], from_us)}: " + _said(kept, rows, say))
            for rows in zip(*(one.values for one in kept), strict=False)
        ],
    )


def _said(series: Sequence[Series], rows: Iterable[tuple[int, float]], say: Callable[[float], str]) -> str:
    return ", ".join(f"{one.name} {say(value)}" for one, (_, value) in zip(series, rows, strict=True))


def thinned(values: Values) -> Values:
    """At most so many points; of neighbours the highest value stays, so that no peak is lost."""
    size = -(-len(values) // _MOST)
    if size <= 1:
        return values
    chunks = (values[at : at + size] for at in range(0, len(values), size))
    return [(chunk[0][0], max(value for _, value in chunk)) for chunk in chunks]


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + " ".join(f"{x:g},{y:g}" for x, y in points)


def _time_since(at_us: int, from_us: int) -> str:
    return words.duration(at_us - from_us) if at_us > from_us else "0 s"


def _time_of_day(at_us: int, from_us: int) -> str:
    return f"{words.iso(at_us)[11:16]} UTC"
