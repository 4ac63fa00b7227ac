"""Claimed runs become specs for a node: payloads with their references resolved. Shared by claim and hand-off.

A reference that cannot be resolved fails the run here, with the reason: no node is bothered with it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from app.domain import references
from app.domain.references import Reference, Unresolved
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.records import NeedResult
from app.ports.store import Writer
from app.wire.claim import RunSpec
from app.wire.resources import Route
from app.wire.states import TaskState

GRACE_S = 10
"""From SIGTERM to SIGKILL when a run is over its time, unless its task says otherwise."""


def to_specs(tx: Writer, claims: Sequence[tuple[Run, Task]]) -> tuple[list[RunSpec], list[tuple[Run, Task, str]]]:
    """What a node needs for each run, in order; and apart from them the runs that cannot start, with the reason."""
    specs = tx.specs([task.seq for _, task in claims])
    results = _results(tx, claims, specs)
    parameters = _parameters(tx, claims, specs)
    good: list[RunSpec] = []
    bad: list[tuple[Run, Task, str]] = []
    for run, task in claims:
        lookup = _Lookup(results[task.job_seq], parameters.get(task.job_seq, {}))
        try:
            payload = references.resolve(specs[task.seq].payload, lookup)
        except Unresolved as wrong:
            bad.append((run, task, str(wrong)))
        else:
            good.append(_to_spec(run, task, specs[task.seq], payload))
    return good, bad


class _Lookup:
    def __init__(self, results: Mapping[str, NeedResult], parameters: Mapping[str, object]) -> None:
        self._results = results
        self._parameters = parameters

    def __call__(self, reference: Reference) -> object:
        if reference.task is None:
            return references.value_of(dict(self._parameters), reference)
        need = self._results.get(reference.task)
        if need is None or need.state is not TaskState.SUCCEEDED:
            state = need.state.value if need else "unknown"
            raise Unresolved(f"task {reference.task!r} is {state} and has no result to refer to")
        return references.value_of(need.result, reference)


def _results(
    tx: Writer, claims: Sequence[tuple[Run, Task]], specs: Mapping[int, TaskSpec]
) -> Mapping[int, Mapping[str, NeedResult]]:
    names: dict[int, set[str]] = defaultdict(set)
    for _, task in claims:
        found = references.find(specs[task.seq].payload)
        names[task.job_seq] |= {reference.task for reference in found if reference.task is not None}
    return {job_seq: tx.results(job_seq, wanted) if wanted else {} for job_seq, wanted in names.items()}


def _parameters(
    tx: Writer, claims: Sequence[tuple[Run, Task]], specs: Mapping[int, TaskSpec]
) -> Mapping[int, Mapping[str, object]]:
    jobs = {}
    for run, task in claims:
        wants = any(reference.task is None for reference in references.find(specs[task.seq].payload))
        if wants and task.job_seq not in jobs:
            job = tx.job(run.job_id)
            jobs[task.job_seq] = job.parameters if job else {}
    return jobs


def _to_spec(run: Run, task: Task, spec: TaskSpec, payload: object) -> RunSpec:
    return RunSpec(
        run_id=run.id,
        fence=run.fence,
        job_id=run.job_id,
        task_id=run.task_id,
        task=task.name,
        attempt=run.number,
        map_index=run.map_index,
        executor=spec.executor,
        version=spec.version,
        payload=payload,
        inputs=list(spec.inputs),
        outputs=list(spec.outputs),
        shape=Route.parse(run.route).shape,
        time_limit_s=spec.time_limit_s,
        grace_s=GRACE_S,
        token="",
    )
