"""What must hold after every scenario, whatever was broken: `tests/invariants.py` over the store, and what only real
processes can tell: what the tasks' own ledger says (I3, I4), and what the nodes showed while they worked (I7).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from app.ports.records import Page
from app.ports.store import Reader
from app.services.access import ORG
from app.wire.states import RunState, TaskState
from tests.faults.fleet import Fleet
from tests.invariants import Seen, World, check_ended, check_seen, check_world, read_world

ALL = Page(limit=1_000_000)


def check(fleet: Fleet) -> list[str]:
    """What is wrong; nothing as a rule. Everything must have come to rest."""
    ledger = fleet.entries()
    with closing(fleet.open_store()) as store:
        world = read_world(store, ORG)
        noted = store.read(lambda tx: _noted(tx, world))
    starts = {entry["run"]: entry["at"] for entry in reversed(ledger) if entry["event"] == "start"}
    ends = {entry["run"]: entry["at"] for entry in reversed(ledger) if entry["event"] == "end"}
    return [
        *check_world(world),
        *check_ended(world),
        *check_seen(world, _seen(fleet, world, ledger, noted)),
        *_order(world, starts, ends),
        *_samples(fleet.samples),
    ]


def _noted(tx: Reader, world: World) -> set[int]:
    """Tasks whose programs write into the ledger."""
    out = set()
    for job_seq in world.jobs:
        for view in tx.tasks(job_seq, ALL):
            payload = view.spec.payload or {}
            if any("misbehave.py" in word for word in payload.get("argv", ())) or payload.get("callable") == "noted":
                out.add(view.task.seq)
    return out


def _seen(fleet: Fleet, world: World, ledger: Sequence[Mapping[str, Any]], noted: set[int]) -> Seen:
    started = [(entry["run"], entry["attempt"]) for entry in ledger if entry["event"] == "start"]
    silent = [(run.id, run.fence) for run in world.runs.values() if run.task_seq not in noted]
    return Seen(accepted=set(fleet.jobs), stopped=dict(fleet.canceled), started=[*started, *silent])


def _order(world: World, starts: Mapping[str, float], ends: Mapping[str, float]) -> Iterator[str]:
    """By the programs' own clock, which is the same for all of them on one machine."""
    for body, headers in world.needs.items():
        task = world.tasks[body]
        began = starts.get(task.run_id or "")
        for need in (world.tasks[header] for header in headers):
            ended = ends.get(need.run_id or "")
            if began is not None and ended is not None and began < ended:
                yield f"I4: task {task.name} began {ended - began:.3f} s before {need.name} had ended"
    for run in world.runs.values():
        task = world.tasks[run.task_seq]
        accepted = run.state is RunState.SUCCEEDED and task.state is TaskState.SUCCEEDED
        if accepted and run.id in starts and run.id not in ends:
            yield f"I3: the run {run.id} of task {task.name} was accepted and never came to its end"


def _samples(samples: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for sample in samples:
        for name, node in sample.items():
            for what in ("cpu", "memory"):
                if not 0 <= node["free"][what] <= node["total"][what]:
                    yield f"I7: {name} shows {node['free']} free of {node['total']}"
