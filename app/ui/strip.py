"""The values of a map as a strip: a column for each stretch of them, its colours by how many are in which state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.services.strips import Part
from app.ui import words
from app.wire.states import TaskState

HEIGHT: Final = 40
_LEAST: Final = 5.0
"""What is there is seen, however little it is."""
_FIRST: Final = (TaskState.FAILED, TaskState.RUNNING, TaskState.QUEUED, TaskState.READY)
_ORDER: Final = (*_FIRST, *(state for state in TaskState if state not in _FIRST))
"""From the bottom, where the eye looks for trouble."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """`pieces` are (state, from the top, height)."""

    x: int
    first: int
    words: str
    pieces: Sequence[tuple[TaskState, float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    columns: Sequence[Column]
    each: int
    """Values in a column."""


def drawn(parts: Sequence[Part]) -> Strip:
    columns = [_column(x, part) for x, part in enumerate(parts)]
    return Strip(columns=columns, each=parts[0].last - parts[0].first + 1)


def _column(x: int, part: Part) -> Column:
    known = [(state, part.counts[state]) for state in _ORDER if state in part.counts]
    total = sum(count for _, count in known)
    heights = [max(_LEAST, HEIGHT * count / total) for _, count in known]
    scale = HEIGHT / sum(heights)
    pieces, bottom = [], float(HEIGHT)
    for (state, _), height in zip(known, heights, strict=True):
        bottom -= height * scale
        pieces.append((state, round(bottom, 2), round(height * scale, 2)))
    span = f"{words.number(part.first)} to {words.number(part.last)}" if part.last > part.first else str(part.first)
    said = ", ".join(f"{words.number(count)} {words.state_word(state)}" for state, count in known)
    return Column(x=x, first=part.first, words=f"{span}: {said}", pieces=pieces)
