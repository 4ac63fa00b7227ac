"""What a run used, to be looked at: its plots, and what it asked for and did not need."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ui import words
from app.ui.plots import Plot, Series, Values, plot
from app.wire.states import RunState
from app.wire.usage import Sample, Usage

_LONG_S: Final = 10
"""What was shorter tells nothing of what it would have needed."""
_LITTLE: Final = 0.5
_SPARE: Final = 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """`share` of what was asked for was used; `enough` would have done."""

    what: str
    asked: str
    used: str
    share: float
    enough: str


def plots(run: Run, spec: TaskSpec, samples: Sequence[Sample]) -> list[Plot]:
    """Against what it asked for."""
    began_us = run.started_at_us or run.claimed_at_us or run.created_at_us
    points = [(began_us, Usage()), *((each.at_us, each.usage) for each in samples)]
    peak = run.usage.peak_rss_bytes if run.usage else None
    memory = [(at, float(usage.current_rss_bytes)) for at, usage in points]
    if run.state is RunState.OUT_OF_MEMORY and peak and (run.finished_at_us or 0) > points[-1][0]:
        memory.append((run.finished_at_us or 0, float(peak)))  # what ended it came after the last sample
    flows = [
        Series(name="read", values=_rate(points, lambda each: float(each.read_bytes))),
        Series(name="written", values=_rate(points, lambda each: float(each.written_bytes)), style="b"),
    ]
    flows.sort(key=lambda one: -max((value for _, value in one.values), default=0.0))
    found = [
        plot(
            "Cpu",
            [Series(name="used", values=_rate(points, lambda each: each.cpu_user_s + each.cpu_system_s))],
            _cores,
            limit=spec.shape.cpu_milli / 1000,
            limit_words="asked for",
        ),
        plot(
            "Memory",
            [Series(name="used", values=memory)],
            words.size,
            limit=float(spec.shape.memory_mib << 20),
            peak=None if peak is None else float(peak),
        ),
        plot("Input and output", flows, lambda value: f"{words.size(value)}/s"),
    ]
    if any(usage.gpu_s or usage.peak_gpu_bytes for _, usage in points):
        found.append(plot("Gpu", [Series(name="busy", values=_rate(points, lambda each: each.gpu_s))], _cores))
    return [each for each in found if each is not None]


def wasted(run: Run, spec: TaskSpec) -> Iterator[Waste]:
    """Of a run that has ended, or has run for long."""
    usage = run.usage
    if usage is None or usage.wall_s < _LONG_S:
        return
    asked, used = spec.shape.memory_mib << 20, usage.peak_rss_bytes
    if 0 < used < _LITTLE * asked:
        yield Waste(
            what="memory",
            asked=f"{words.size(asked)} of memory",
            used=f"{words.size(used)} at its peak",
            share=used / asked,
            enough=words.size(used * _SPARE),
        )
    cores, busy = spec.shape.cpu_milli / 1000, (usage.cpu_user_s + usage.cpu_system_s) / usage.wall_s
    if cores > 1 and busy < _LITTLE * cores:
        yield Waste(
            what="cpu",
            asked=_cores(cores),
            used=f"{_cores(busy)} on average",
            share=busy / cores,
            enough=_cores(max(1, -(-busy * _SPARE // 1))),
        )


def _rate(points: Sequence[tuple[int, Usage]], total: Callable[[Usage], float]) -> Values:
    """What grows, by the second, at the end of each stretch of time."""
    found = []
    for (before_us, before), (at_us, after) in pairwise(points):
        if at_us > before_us:
            found.append((at_us, max(0.0, total(after) - total(before)) * 1_000_000 / (at_us - before_us)))
    return found


def _cores(value: float) -> str:
    return f"{value:.2g} cpu" if value < 10 else f"{value:.0f} cpu"
