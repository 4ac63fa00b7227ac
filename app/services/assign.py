"""Claimed runs become specs for a node: payloads with their references resolved. Shared by claim and hand-off.

A reference that cannot be resolved fails the run here, with the reason: no node is bothered with it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import structs

from app.domain import references, trace
from app.domain.map import first_seq
from app.domain.references import Reference, Unresolved
from app.domain.run import Run
from app.domain.task import Task, TaskSpec
from app.ports.store import Writer
from app.services import inputs, secrets
from app.services.access import RUN
from app.services.core import Core
from app.services.files import files_of
from app.services.lookups import Lookup, needed
from app.wire.claim import RunSpec, Secret
from app.wire.resources import Route

GRACE_S = 10
"""From SIGTERM to SIGKILL when a run is over its time, unless its task says otherwise."""

AskedSpecs = Callable[[], Mapping[int, TaskSpec]]


def ask_specs(tx: Writer, tasks: Iterable[Task]) -> AskedSpecs:
    return tx.ask_specs({task.owner_seq for task in tasks})


def to_specs(
    core: Core, tx: Writer, claims: Sequence[tuple[Run, Task]], asked: AskedSpecs | None = None
) -> tuple[list[RunSpec], list[tuple[Run, Task, str]]]:
    """What a node needs for each run, in order; and apart from them the runs that cannot start, with the reason.
    `asked`, where the specs of these tasks have been asked for already.
    """
    specs = (asked or ask_specs(tx, [task for _, task in claims]))()
    found = {seq: _found(spec) for seq, spec in specs.items()}
    if not any(found.values()):  # most refer to nothing, and they may be many
        plain = [_plain(core, run, task, specs[task.owner_seq]) for run, task in claims]
        return _linked(core, tx, claims, plain, [])
    names = _names(claims, found)
    results = {job_seq: needed(tx, job_seq, wanted) for job_seq, wanted in names.items()}
    files = {job_seq: files_of(tx, job_seq, wanted) for job_seq, wanted in _names(claims, found, of_files=True).items()}
    parameters = _parameters(tx, claims, found)
    values = _values(tx, claims, found)
    opened = secrets.opened(core, tx, _secrets(claims, found), to_runs=True)
    good: list[RunSpec] = []
    bad: list[tuple[Run, Task, str]] = []
    for run, task in claims:
        spec = specs[task.owner_seq]
        if not found[task.owner_seq]:
            good.append(_plain(core, run, task, spec))
            continue
        marked = _marked(core, {each.key for each in found[task.owner_seq] if each.of_secret}, opened, task.job_seq)
        lookup = Lookup(
            results=results[task.job_seq],
            files=files.get(task.job_seq, {}),
            parameters=parameters.get(task.job_seq, {}),
            value=values.get(task.seq),
            index=task.map_index,
            secrets={secret.name: secret.mark for secret in marked},
        )
        try:
            payload = references.resolve(spec.payload, lookup)
            sources = references.resolve([each["source"] for each in spec.inputs], lookup)
        except Unresolved as wrong:
            bad.append((run, task, str(wrong)))
        else:
            given = [{**each, "source": source} for each, source in zip(spec.inputs, sources, strict=True)]
            made = _to_spec(core, run, task, spec, payload, given)
            good.append(structs.replace(made, secrets=marked) if marked else made)
    return _linked(core, tx, claims, good, bad)


def _linked(
    core: Core,
    tx: Writer,
    claims: Sequence[tuple[Run, Task]],
    good: Sequence[RunSpec],
    bad: Sequence[tuple[Run, Task, str]],
) -> tuple[list[RunSpec], list[tuple[Run, Task, str]]]:
    linked, missing = inputs.link(core, tx, good)
    return linked, [*bad, *((run, task, missing[run.id]) for run, task in claims if run.id in missing)]


def refers(spec: TaskSpec) -> bool:
    """Whether it needs more than what was submitted for it: what others have left, what is fetched, a secret."""
    return bool(spec.inputs or _found(spec))


def _found(spec: TaskSpec) -> set[Reference]:
    found = references.find(spec.payload)
    return found | references.find([each["source"] for each in spec.inputs]) if spec.inputs else found


def _names(
    claims: Sequence[tuple[Run, Task]], found: Mapping[int, set[Reference]], *, of_files: bool = False
) -> Mapping[int, set[str]]:
    """By job the tasks whose results, or whose files, are referred to."""
    names: dict[int, set[str]] = defaultdict(set)
    for _, task in claims:
        wanted = (each for each in found[task.owner_seq] if each.of_files or not of_files)
        names[task.job_seq] |= {each.task for each in wanted if each.task is not None}
    return names


def _parameters(
    tx: Writer, claims: Sequence[tuple[Run, Task]], found: Mapping[int, set[Reference]]
) -> Mapping[int, Mapping[str, object]]:
    jobs = {}
    for run, task in claims:
        wants = any(each.of_job for each in found[task.owner_seq])
        if wants and task.job_seq not in jobs:
            job = tx.job(run.job_id)
            jobs[task.job_seq] = job.parameters if job else {}
    return jobs


def _values(
    tx: Writer, claims: Sequence[tuple[Run, Task]], found: Mapping[int, set[Reference]]
) -> Mapping[int, object]:
    """What those tasks work on that are values of maps, by their numbers."""
    indexes: dict[int, list[int]] = defaultdict(list)
    for _, task in claims:
        if task.map_index is not None and any(each.of_map for each in found[task.owner_seq]):
            indexes[task.owner_seq].append(task.map_index)
    known = {seq: tx.map_values(seq, wanted) for seq, wanted in indexes.items()}
    return {first_seq(seq) + index: value for seq, values in known.items() for index, value in values.items()}


def _secrets(claims: Sequence[tuple[Run, Task]], found: Mapping[int, set[Reference]]) -> Mapping[int, set[str]]:
    """By job the secrets that are referred to."""
    names: dict[int, set[str]] = defaultdict(set)
    for _, task in claims:
        for each in found[task.owner_seq]:
            if each.of_secret:
                names[task.job_seq].add(each.key)
    return names


def _marked(core: Core, names: set[str], opened: Mapping[int, Mapping[str, str]], job_seq: int) -> tuple[Secret, ...]:
    """Those secrets with marks that nobody can have known: what a run brings in may be another's to choose."""
    if not names:
        return ()
    chance, known = core.chance.secret(), opened[job_seq]
    return tuple(
        Secret(name=name, mark=f"[secret {name} {chance}]", value=known[name]) for name in sorted(names & known.keys())
    )


def _plain(core: Core, run: Run, task: Task, spec: TaskSpec) -> RunSpec:
    return _to_spec(core, run, task, spec, spec.payload, spec.inputs)


def _to_spec(core: Core, run: Run, task: Task, spec: TaskSpec, payload: object, given: Sequence[object]) -> RunSpec:
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
        inputs=list(given),
        outputs=list(spec.outputs),
        shape=Route.parse(run.route).shape,
        time_limit_s=spec.time_limit_s,
        grace_s=GRACE_S,
        token=f"flr_{core.signer.sign(RUN, [run.id, run.fence])}",
        trace=_trace(core, run, spec),
        follows=run.follows,
    )


def _trace(core: Core, run: Run, spec: TaskSpec) -> str | None:
    """What its program goes on in: below the run's own span where that will be told, else below what submitted it."""
    if core.tracer is None or spec.traceparent is None:
        return spec.traceparent
    context = trace.read(spec.traceparent)
    return str(context.within(trace.span_of("run", run.id))) if context else None
