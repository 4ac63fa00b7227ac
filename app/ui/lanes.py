"""When did which run take place where? Runs as bars in the lanes of their nodes, between two times.

Bars of a lane that overlap lie in rows below each other. All places are shares of the time shown, 0 to 1.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from app.domain.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`waits`, `starts`, `runs`, `keeps` and `ends`: since when it was out, claimed (and its inputs fetched), begun,
    its program over (and its outputs stored), and it itself.
    """

    run: Run
    row: int
    waits: float
    starts: float
    runs: float
    keeps: float
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    name: str
    rows: int
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    from_us: int
    to_us: int

    def share(self, at_us: int) -> float:
        return min(1.0, max(0.0, (at_us - self.from_us) / (self.to_us - self.from_us)))

    def meets(self, from_us: int, to_us: int) -> bool:
        return from_us <= self.to_us and to_us >= self.from_us


def whole(runs: Sequence[Run], now_us: int) -> Span:
    """From the first run's beginning to the last one's end, or to now."""
    first = min((run.created_at_us for run in runs), default=now_us)
    last = max((run.finished_at_us or now_us for run in runs), default=now_us)
    return Span(from_us=first, to_us=max(last, first + 1000))


def lanes(
    runs: Sequence[Run], names: Mapping[str, str], span: Span, now_us: int, storing: Container[str] = ()
) -> list[Lane]:
    """By the node's name; what no node has taken yet comes last. Runs of the tasks `storing`, by id, leave files."""
    by_node: dict[str, list[Run]] = {}
    for run in runs:
        if span.meets(run.created_at_us, run.finished_at_us or now_us):
            by_node.setdefault(run.node_id or "", []).append(run)
    waiting = by_node.pop("", [])
    found = [_lane(names.get(node_id, node_id), mine, span, now_us, storing) for node_id, mine in by_node.items()]
    found.sort(key=lambda lane: lane.name)
    return found + ([_lane("not taken yet", waiting, span, now_us, storing)] if waiting else [])


def program_ended_us(run: Run) -> int | None:
    """When its program ended, where that is known: a run with outputs takes what follows to store them."""
    if run.started_at_us is None or run.finished_at_us is None or run.usage is None or not run.usage.wall_s:
        return None
    return min(run.started_at_us + round(run.usage.wall_s * 1e6), run.finished_at_us)


def ticks(span: Span, about: int = 6) -> list[tuple[float, int]]:
    """Round times: (share, microseconds since the first run shown)."""
    length = span.to_us - span.from_us
    step = next((size for size in _STEPS_US if length / size <= about), _STEPS_US[-1])
    return [(at / length, at) for at in range(0, length + 1, step)][: about * 4]


_STEPS_US = tuple(round(base * unit) for unit in (1e3, 1e4, 1e5, 1e6, 1e7) for base in (1, 2, 5)) + tuple(
    int(seconds * 1e6) for seconds in (60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 604800)
)


def _lane(name: str, runs: Sequence[Run], span: Span, now_us: int, storing: Container[str]) -> Lane:
    free_us: list[int] = []
    bars = []
    for run in sorted(runs, key=lambda run: (run.claimed_at_us or run.created_at_us, run.id)):
        begins = run.claimed_at_us or run.created_at_us
        ends = run.finished_at_us or now_us
        row = next((row for row, until in enumerate(free_us) if until <= begins), len(free_us))
        if row == len(free_us):
            free_us.append(0)
        free_us[row] = ends
        bars.append(
            Bar(
                run=run,
                row=row,
                waits=span.share(run.created_at_us),
                starts=span.share(begins),
                runs=span.share(run.started_at_us or begins),
                keeps=span.share((program_ended_us(run) if run.task_id in storing else None) or ends),
                ends=span.share(ends),
            )
        )
    return Lane(name=name, rows=len(free_us), bars=bars)
