"""Executions of real workflows in WfFormat 1.5, as jobs: the same graph, each task a sleep of its time, scaled."""

import gzip
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "shared" / "wfinstances"
"""Beside the project, where somebody put some; tests without them are skipped."""


def instances() -> list[Path]:
    return sorted(FOLDER.glob("*.json.gz")) if FOLDER.is_dir() else []


def read(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt") as file:
        return dict(json.load(file)["workflow"])


def as_job(path: Path, *, work_s: float, cpus: int, memory_mb: int) -> dict[str, Any]:
    """All tasks together take `work_s`; what a task had of cores and memory, as far as a node has it."""
    workflow = read(path)
    ran = {task["id"]: task for task in workflow["execution"]["tasks"]}
    scale = work_s / sum(task["runtimeInSeconds"] for task in ran.values())
    tasks = []
    for task in workflow["specification"]["tasks"]:
        was = ran[task["id"]]
        memory = was.get("memoryInBytes", 0) // 2**20
        tasks.append(
            {
                "name": task["id"],
                "executor": "python",
                "needs": task["parents"],
                "payload": {"callable": "sleep", "arguments": {"seconds": round(was["runtimeInSeconds"] * scale, 4)}},
                "requirements": {
                    "cpu": min(cpus, max(1, was.get("coreCount", 1))),
                    "memory": min(memory_mb, max(64, memory)),
                },
            }
        )
    return {"name": path.name.partition(".")[0], "tasks": tasks}


def lower_bound_s(job: dict[str, Any], cpus: int) -> float:
    """No schedule on so many cpus is shorter: the critical path, and the work divided by the cpus."""
    seconds = {task["name"]: task["payload"]["arguments"]["seconds"] for task in job["tasks"]}
    needs = {task["name"]: task["needs"] for task in job["tasks"]}
    ends: dict[str, float] = {}

    def end(name: str) -> float:
        waiting = [name]
        while waiting:
            current = waiting[-1]
            open_needs = [need for need in needs[current] if need not in ends]
            if open_needs:
                waiting += open_needs
            else:
                ends[current] = seconds[current] + max((ends[need] for need in needs[current]), default=0.0)
                waiting.pop()
        return ends[name]

    work = sum(seconds[task["name"]] * task["requirements"]["cpu"] for task in job["tasks"])
    return max(max(map(end, seconds)), work / cpus)
