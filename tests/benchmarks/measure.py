"""One repeat of each workload: submit, wait for the end, and read off the service's own times when things happened.

All clocks are this host's, so the time of a POST and that of a run's start may be compared.
"""

import time
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import workloads
from tests.benchmarks.figures import percentile
from tests.benchmarks.service import Service, seconds
from tests.benchmarks.workloads import Graph

MEMORY_MB = 128
LOOK_S = 0.1
LOOK_SOON_S = 0.015


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """`count` tasks took `seconds`; `extra` is particular to the workload."""

    count: int
    seconds: float
    extra: dict[str, float]


def warm_up(service: Service) -> None:
    """The first runs on a node import what the later ones have."""
    for executor in ("python", "command"):
        accepted = service.submit(job(workloads.flat(8), executor))
        service.ended(accepted["id"], 60, LOOK_S)


def fan(service: Service, width: int, timeout_s: float) -> Repeat:
    return _whole(service, job(workloads.fan(width)), width + 2, timeout_s)


def chain(service: Service, length: int, timeout_s: float) -> Repeat:
    done = _whole(service, job(workloads.chain(length)), length, timeout_s)
    return Repeat(
        count=length,
        seconds=done.seconds,
        extra={
            **done.extra,
            "hop_ms": done.seconds / length * 1e3,
            "hop_ms_from_first_start": (done.seconds - done.extra["root_ms"] / 1e3) / length * 1e3,
        },
    )


def layered(service: Service, timeout_s: float) -> Repeat:
    shape = workloads.layered()
    return _whole(service, job(shape), len(shape), timeout_s)


def mixed(service: Service, slots: int, timeout_s: float) -> Repeat:
    shape = workloads.mixed()
    done = _whole(service, job(shape), len(shape), timeout_s)
    ideal = workloads.ideal_s(shape, slots)
    return Repeat(count=done.count, seconds=done.seconds, extra={**done.extra, "ratio": done.seconds / ideal})


def processes(service: Service, width: int, timeout_s: float) -> Repeat:
    return _whole(service, job(workloads.flat(width), "command"), width, timeout_s)


def latency(service: Service, count: int, timeout_s: float) -> Repeat:
    """Single jobs one after another on an idle system: from just before the POST to the start of the run."""
    starts, ends = [], []
    wanted = job(workloads.flat(1))
    for _ in range(count):
        asked_at = time.time()
        accepted = service.submit(wanted)
        ended = service.ended(accepted["id"], timeout_s, LOOK_SOON_S)
        run = service.first_run(accepted["id"])
        starts.append((seconds(run["startedAt"]) - asked_at) * 1e3)
        ends.append((seconds(ended["finishedAt"]) - asked_at) * 1e3)
    extra = {
        "p50_ms": percentile(starts, 50),
        "p99_ms": percentile(starts, 99),
        "end_p50_ms": percentile(ends, 50),
        "end_p99_ms": percentile(ends, 99),
    }
    return Repeat(count=count, seconds=sum(starts) / 1e3, extra=extra)


def _whole(service: Service, wanted: dict[str, Any], count: int, timeout_s: float) -> Repeat:
    asked_at = time.time()
    accepted = service.submit(wanted)
    answered_at = time.time()
    ended = service.ended(accepted["id"], timeout_s, LOOK_S)
    root = service.first_run(accepted["id"])
    return Repeat(
        count=count,
        seconds=seconds(ended["finishedAt"]) - asked_at,
        extra={
            "submit_call_s": answered_at - asked_at,
            "root_ms": (seconds(root["startedAt"]) - asked_at) * 1e3,
        },
    )


def job(shape: Graph, executor: str = "python") -> dict[str, Any]:
    tasks = []
    for position, (needs, sleep_s) in enumerate(zip(shape.needs, shape.sleeps, strict=True)):
        payload: dict[str, Any] = {"callable": "noop"}
        if executor == "command":
            payload = {"argv": ["true"]}
        elif sleep_s:
            payload = {"callable": "sleep", "arguments": {"seconds": sleep_s}}
        tasks.append(
            {
                "name": f"t{position}",
                "executor": executor,
                "needs": [f"t{need}" for need in needs],
                "payload": payload,
                "requirements": {"cpu": 1, "memory": MEMORY_MB},
            }
        )
    return {"name": "benchmark", "tasks": tasks}
