"""What do tasks ask for, what did they use, and what would do? From the peaks of what has run, with room to spare.

Tasks that ask for the same and whose names begin alike are one kind: a fan-out gets one line. Pure.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.cli.client import Json
from app.cli.output import duration, size
from app.cli.reporting.gather import Gathered

MIB = 1 << 20
SPARE = 1.25
"""What is suggested is so much more than the peak."""
LEAST_MB = 64
WORTH_MB = 256
"""A smaller saving is not worth a word."""
SHORTEST_S = 1.0
"""The cpu time of a shorter run says little."""
_STEM = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Tasks that are alike. `cores` is the most that one of its runs kept busy; None when all were too short."""

    name: str
    tasks: int
    runs: int
    cpu: float
    memory_mb: int
    peak_bytes: int
    cores: float | None
    idle_mb_s: float
    exhausted: int
    timed_out: int
    longest_s: float
    limit_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """`urgent`: runs have failed for want of it."""

    kind: Kind
    text: str
    urgent: bool = False


def kinds(gathered: Gathered) -> list[Kind]:
    """Those that have run, the most wasteful first."""
    runs = gathered.runs_by_task
    families: dict[tuple[object, ...], list[Json]] = defaultdict(list)
    for task in gathered.tasks:
        asked = of_run(task)
        stem = _STEM.match(task["name"])
        key = (stem.group() if stem else "", asked["requirements"]["cpu"], asked["requirements"]["memory"])
        families[key].append(task)
    found = [kind for tasks in families.values() if (kind := _kind(tasks, runs))]
    return sorted(found, key=lambda kind: (-(kind.exhausted + kind.timed_out), -kind.idle_mb_s))


def of_run(task: Json) -> Json:
    """Where it stands what a run of it asks for: of a map in what is done with each value."""
    inner: Json = task.get("task") or task
    return inner


def _kind(tasks: Sequence[Json], runs: Mapping[str, Sequence[Json]]) -> Kind | None:
    did = [run for task in tasks for run in runs.get(task["id"], ()) if run["startedAt"]]
    if not did:
        return None
    asked = of_run(tasks[0])
    memory_mb: int = asked["requirements"]["memory"]
    usages = [run["usage"] for run in did]
    long = [usage for usage in usages if usage["wallSeconds"] >= SHORTEST_S]
    first = tasks[0]["name"]
    return Kind(
        name=first if len(tasks) == 1 else f"{first} and {len(tasks) - 1} more",
        tasks=len(tasks),
        runs=len(did),
        cpu=asked["requirements"]["cpu"],
        memory_mb=memory_mb,
        peak_bytes=max(usage["peakRssBytes"] for usage in usages),
        cores=max((cpu_of(usage) / usage["wallSeconds"] for usage in long), default=None),
        idle_mb_s=sum(max(0.0, memory_mb - u["peakRssBytes"] / MIB) * u["wallSeconds"] for u in usages),
        exhausted=sum(run["state"] == "out_of_memory" for run in did),
        timed_out=sum(run["state"] == "timed_out" for run in did),
        longest_s=max(usage["wallSeconds"] for usage in usages),
        limit_s=asked["limitations"]["maxExecutionTimeInSeconds"],
    )


def cpu_of(usage: Json) -> float:
    return float(usage["cpuUserSeconds"] + usage["cpuSystemSeconds"])


def advise(kind: Kind) -> Iterator[Advice]:
    if kind.exhausted:
        text = (
            f"{_times(kind.exhausted)} out of memory at {size(kind.peak_bytes)} of {size(kind.memory_mb * MIB)}: "
            f"ask for {size(_rounded(2 * kind.memory_mb) * MIB)}, or let memoryGrowth do it"
        )
        yield Advice(kind=kind, text=text, urgent=True)
    elif kind.peak_bytes:
        wanted = _rounded(kind.peak_bytes / MIB * SPARE)
        if kind.memory_mb - wanted >= WORTH_MB and wanted <= kind.memory_mb / 2:
            text = (
                f"asked {size(kind.memory_mb * MIB)}, peak {size(kind.peak_bytes)}: "
                f"{size(wanted * MIB)} would do (memory: {wanted})"
            )
            yield Advice(kind=kind, text=text)
    if kind.cores is not None and kind.cpu > 1 and (cores := max(1, math.ceil(kind.cores * SPARE))) <= kind.cpu / 2:
        yield Advice(kind=kind, text=f"asked {kind.cpu:g} cpu, kept {kind.cores:.1f} busy: {cores} would do")
    if kind.timed_out:
        text = (
            f"{_times(kind.timed_out)} ended by the time limit of {duration(kind.limit_s)}: give it more, or less to do"
        )
        yield Advice(kind=kind, text=text, urgent=True)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _rounded(mb: float) -> int:
    """Up to what one would write: steps of 64, and of 256 above a GB."""
    step = LEAST_MB if mb <= 1024 else 256
    return max(LEAST_MB, math.ceil(mb / step) * step)
