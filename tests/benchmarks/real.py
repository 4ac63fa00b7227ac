"""W8: the graphs of workflows that people have run (WfFormat 1.5), with their times scaled.

Each is run with no time at all, for the cost of a task, and scaled so that its longest task takes so long, for how far
the makespan is from what no schedule can beat. Order and capacity are then checked from what the service recorded.
"""

import time
from collections.abc import Iterable, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.measure import Repeat
from tests.benchmarks.service import Service, seconds
from tests.benchmarks.workloads import graph, ideal_s
from tests.e2e.wfformat import as_job, lower_bound_s, read

MEMORY_MB: Final = 128
_LOOK_S: Final = 0.1
_SLACK_S: Final = 0.002
"""Times are told in milliseconds."""


def files(folder: Path) -> list[Path]:
    found = sorted(folder.glob("*.json.gz"))
    if not found:
        raise SystemExit(f"{folder} has no instances; name a folder of *.json.gz in WfFormat 1.5 with --instances")
    return found


def instance(service: Service, path: Path, slots: int, longest_s: float, timeout_s: float) -> Repeat:
    """`seconds` is of the run without times; `ratio` is the makespan of the scaled run over the lower bound, and
    `list_ratio` over that of a list schedule without costs: the work of some comes in phases, which no bound knows.
    """
    times = [task["runtimeInSeconds"] for task in read(path)["execution"]["tasks"]]
    plain = as_job(path, work_s=0, cpus=slots, memory_mb=MEMORY_MB)
    scaled = as_job(path, work_s=sum(times) * longest_s / max(times), cpus=slots, memory_mb=MEMORY_MB)
    plain_s, plain_wrong = _run(service, plain, slots, timeout_s)
    scaled_s, scaled_wrong = _run(service, scaled, slots, timeout_s)
    bound_s = lower_bound_s(scaled, slots)
    extra = {
        "ratio": scaled_s / bound_s,
        "bound_s": bound_s,
        "list_ratio": scaled_s / _list_schedule_s(scaled, slots),
        "violations": float(plain_wrong + scaled_wrong),
    }
    return Repeat(count=len(times), seconds=plain_s, extra=extra)


def _list_schedule_s(job: Mapping[str, Any], slots: int) -> float:
    """As if each task had one cpu."""
    tasks = {task["name"]: task for task in job["tasks"]}
    order = list(TopologicalSorter({name: task["needs"] for name, task in tasks.items()}).static_order())
    at = {name: position for position, name in enumerate(order)}
    needs = [tuple(at[need] for need in tasks[name]["needs"]) for name in order]
    sleeps = [tasks[name]["payload"]["arguments"]["seconds"] for name in order]
    return ideal_s(graph(needs, sleeps), slots)


def _run(service: Service, job: dict[str, Any], slots: int, timeout_s: float) -> tuple[float, int]:
    asked_at = time.time()
    accepted = service.submit(job)
    ended = service.ended(accepted["id"], timeout_s, _LOOK_S)
    names = {task["id"]: task["name"] for task in service.all_tasks(accepted["id"])}
    spans = {names[run["taskId"]]: _span(run) for run in service.all_runs(accepted["id"])}
    return seconds(ended["finishedAt"]) - asked_at, out_of_order(job, spans) + over_capacity(job, spans, slots)


def _span(run: Mapping[str, Any]) -> tuple[float, float]:
    return seconds(run["startedAt"]), seconds(run["finishedAt"])


def out_of_order(job: Mapping[str, Any], spans: Mapping[str, tuple[float, float]]) -> int:
    """How many runs began before one that they need had ended, or are missing."""
    wrong = 0
    for task in job["tasks"]:
        began = spans.get(task["name"], (float("-inf"), 0.0))[0]
        wrong += any(spans.get(need, (0.0, float("inf")))[1] > began + _SLACK_S for need in task["needs"])
        wrong += task["name"] not in spans
    return wrong


def over_capacity(job: Mapping[str, Any], spans: Mapping[str, tuple[float, float]], cpus: int) -> int:
    """How often a run began while those under way had so many cpus that it did not fit."""
    needed = {task["name"]: task["requirements"]["cpu"] for task in job["tasks"]}
    wrong, used = 0, 0
    for _, change in sorted(_changes(needed, spans)):
        used += change
        wrong += change > 0 and used > cpus
    return wrong


def _changes(needed: Mapping[str, int], spans: Mapping[str, tuple[float, float]]) -> Iterable[tuple[float, int]]:
    """An end counts before a beginning at about the same time."""
    for name, (began, ended) in spans.items():
        yield began + _SLACK_S, needed[name]
        yield max(ended, began) + (_SLACK_S if ended - began < _SLACK_S else 0.0) + 1e-9, -needed[name]
