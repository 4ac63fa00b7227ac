"""W7: one job of very many tasks, and then the lists beside a long history.

How long it takes to be accepted, what that costs the web process at its peak, and how quickly its tasks run; then how
long lists, a search and a job's pages take before and after so many ended runs have been put into the store.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil

from tests.benchmarks import history, measure, workloads
from tests.benchmarks.figures import percentile
from tests.benchmarks.measure import Repeat
from tests.benchmarks.service import Service, seconds
from tests.benchmarks.workloads import Graph

LOOKS: Final = 40
_WARM: Final = 5
_LOOK_S: Final = 0.2
_WEB: Final = "app.main"


def accept(service: Service, shape: Graph, timeout_s: float) -> Repeat:
    """`seconds` from the POST to the end of the job."""
    web = service.process(_WEB)
    wanted = measure.job(shape)
    _forget_peak(web)
    before_s, asked_at = _cpu_s(web), time.time()
    accepted = service.submit(wanted)
    extra = {
        "accept_s": time.time() - asked_at,
        "accept_cpu_s": _cpu_s(web) - before_s,
        "accept_peak_mb": _peak_mb(web),
    }
    ended = service.ended(accepted["id"], timeout_s, _LOOK_S)
    return Repeat(count=len(shape), seconds=seconds(ended["finishedAt"]) - asked_at, extra=extra)


def shapes(size: int) -> dict[str, Graph]:
    return {"wide": workloads.wide(size), "layers": workloads.layers(max(2, size // 100), 100)}


def beside_history(service: Service, runs: int, job_id: str) -> dict[str, float]:
    """p95 in milliseconds of what people look at, with `runs` more ended runs in the store, and over that without."""
    before = {name: _p95_ms(look) for name, look in looks(service, job_id).items()}
    history.fill(service.database_url, runs)
    after = {name: _p95_ms(look) for name, look in looks(service, job_id).items()}
    ratios = {f"{name}_ratio": after[name] / before[name] for name in before}
    return {**{f"{name}_p95_ms": value for name, value in after.items()}, **ratios}


def looks(service: Service, job_id: str) -> dict[str, Callable[[], Any]]:
    paths = {
        "jobs": "/v1/jobs?limit=50",
        "failed": "/v1/jobs?limit=50&state=failed",
        "search": f"/v1/jobs?limit=50&q={history.RARE}",
        "job": f"/v1/jobs/{job_id}",
        "tasks": f"/v1/jobs/{job_id}/tasks?limit=100",
        "runs": f"/v1/jobs/{job_id}/runs?limit=100",
        "queues": "/v1/queues",
    }
    return {name: lambda path=path: service.get(path) for name, path in paths.items()}  # type: ignore[misc]


def _p95_ms(look: Callable[[], Any]) -> float:
    took = []
    for _ in range(_WARM + LOOKS):
        began = time.perf_counter()
        look()
        took.append((time.perf_counter() - began) * 1e3)
    return percentile(took[_WARM:], 95)


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _forget_peak(process: psutil.Process) -> None:
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def _peak_mb(process: psutil.Process) -> float:
    text = Path(f"/proc/{process.pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024
