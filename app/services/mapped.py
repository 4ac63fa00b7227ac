"""The maps of a job that is submitted: their numbers, what is kept of them, and those that can be opened at once."""

from collections.abc import Mapping, Sequence

from app.domain import references
from app.domain.errors import Problem
from app.domain.map import SPAN, Map
from app.domain.references import SecretUse
from app.domain.task import Task, TaskSpec
from app.ports.store import Writer
from app.services.ledger import Ledger
from app.services.maps import open_maps
from app.services.settle import settle_below
from app.services.values import Values
from app.wire.resources import Route
from app.wire.states import TaskState


def check(position: int, task: TaskSpec, parameters: Mapping[str, object], secrets: list[SecretUse]) -> list[Problem]:
    """References that are known to be wrong in a map, its inner task and its source."""
    place = f"/tasks/{position}"
    payload, inputs = f"{place}/task/payload", f"{place}/task/inputs"
    found = references.check(task.payload, payload, task.needs, parameters, in_map=True, secrets=secrets)
    if task.inputs:
        given = list(task.inputs)
        found += references.check(given, inputs, task.needs, parameters, in_map=True, secrets=secrets)
    if isinstance(task.values, str):
        found += references.check(task.values, f"{place}/values/source", task.needs, parameters)
    return found


def seqs_needed(tasks: Sequence[TaskSpec]) -> int:
    """How many numbers these tasks take; before that of a map there are some for its values."""
    return len(tasks) + SPAN * sum(task.type == "map" for task in tasks)


def seqs_from(at: int, tasks: Sequence[TaskSpec]) -> list[int]:
    """The number of each task, of as many as they need from `at` on."""
    seqs = []
    for task in tasks:
        at += SPAN if task.type == "map" else 0
        seqs.append(at)
        at += 1
    return seqs


def insert(
    tx: Writer,
    tasks: Sequence[Task],
    specs: Sequence[TaskSpec],
    routes: Mapping[int, Route],
    known: Mapping[int, Values],
) -> None:
    """The maps among the tasks just inserted. `routes` of their values and `known` values are by position."""
    maps, sources = [], {}
    for position in routes:
        task, spec = tasks[position], specs[position]
        values = known.get(position)
        maps.append(
            Map(
                task_seq=task.seq,
                job_seq=task.job_seq,
                route=routes[position].key,
                total=values.total if values else None,
                fixed=values is not None,
                max_concurrency=spec.max_concurrency,
                max_failed=spec.max_failed,
            )
        )
        if not isinstance(spec.values, list):
            sources[task.seq] = spec.values
        if values:
            tx.put_values(task.seq, values.chunks)
    tx.insert_maps(maps, sources)


def open_roots(tx: Writer, tasks: Sequence[Task], ledger: Ledger) -> list[Task]:
    """Of tasks just inserted the maps without needs; what is ready by it."""
    roots = [task for task in tasks if task.is_map and task.state is TaskState.READY]
    if not roots:
        return []
    values, over = open_maps(tx, roots, ledger)
    return values + settle_below(tx, over, ledger)
