"""The demo's job: which tasks, and what does each take from the ones before it?

list -> measure-000 .. -> merge-00 .. -> total -> report        (some 260 tasks, some 500 edges)
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.cli.client import Json

SHARDS = 240
MERGES = 15


def census_job(folder: Path) -> Json:
    """`folder` is where the report goes: an absolute path on the node's machine."""
    shards = [f"{index:03d}" for index in range(SHARDS)]
    merges = {f"merge-{index:02d}": [f"measure-{shard}" for shard in shards[index::MERGES]] for index in range(MERGES)}
    tasks = [_task("list", "census.list", {"shards": SHARDS}, [])]
    for shard in shards:
        files = f"${{{{ needs.list.outputs.params.shard-{shard} }}}}"
        tasks.append(_task(f"measure-{shard}", "census.measure", {"files": files}, ["list"]))
    for name, measured in merges.items():
        tasks.append(_task(name, "census.merge", {"parts": _censuses(measured)}, measured))
    tasks.append(_task("total", "census.merge", {"parts": _censuses(list(merges))}, list(merges)))
    report = {"census": _censuses(["total"])[0], "folder": str(folder)}
    tasks.append(_task("report", "census.report", report, ["total"], memory=512))
    return {"name": "census of the standard library", "tasks": tasks, "labels": {"made-by": "flotilla demo"}}


def _censuses(names: Sequence[str]) -> list[str]:
    return [f"${{{{ needs.{name}.outputs.params.census }}}}" for name in names]


def _task(name: str, callable_name: str, arguments: dict[str, Any], needs: list[str], memory: int = 256) -> Json:
    return {
        "name": name,
        "executor": "python",
        "needs": needs,
        "payload": {"callable": callable_name, "arguments": arguments},
        "requirements": {"cpu": 1, "memory": memory},
        "limitations": {"maxExecutionTimeInSeconds": 300, "maxAttempts": 2},
    }
