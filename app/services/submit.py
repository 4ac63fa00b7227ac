"""A job comes in: the graph is checked, and job, tasks, chords and event are written in one transaction.

What can run at once is released in the same transaction and published after it, so that a job on an idle fleet costs
one commit from its request to its first run.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from app.domain import chords, graph, limits, references
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.domain.job import Job, JobSpec, settle
from app.domain.references import SecretUse
from app.domain.task import NO_ROUTE, Task, TaskSpec
from app.ports.records import KeptAnswer, Project, Queue
from app.ports.store import Writer
from app.services import chosen, hook_secrets, hooks, inputs, mapped, secrets, values
from app.services.access import Principal
from app.services.core import Core
from app.services.ledger import Ledger, job_event
from app.services.release import Offers, publish, release
from app.wire.resources import Resources, Route
from app.wire.states import JobState, TaskState

DEFAULT_QUEUE = "@default"
DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An Idempotency-Key: `route` and `key` name the request, `body_hash` tells a repeat from another request."""

    route: str
    key: str
    body_hash: str


def submit(core: Core, who: Principal, queue: str, spec: JobSpec, key: Key | None = None) -> Job:
    """The job as accepted; with a key that was used before, the first job. Raises Invalid, Conflict, NotFound."""
    used: list[SecretUse] = []
    shape = check(spec, used)
    lists = values.known(spec.tasks, spec.parameters)
    spec = replace(spec, webhooks=hook_secrets.seal(core, who.org_id, spec.webhooks))

    def work(tx: Writer) -> tuple[Job, Offers]:
        if key and (first := _first(tx, who, key)):
            return first, Offers()
        if spec.id and (known := chosen.job(tx, who, spec.id, spec.submitted)):
            return known, Offers()
        secrets.check(tx, who.org_id, used)
        job, tasks = _write(core, tx, who, queue, spec, shape, lists)
        if key:
            kept = KeptAnswer(
                org_id=who.org_id,
                route=key.route,
                key=key.key,
                body_hash=key.body_hash,
                resource_id=job.id,
                at_us=tx.now_us,
            )
            if not tx.keep_answer(kept):
                raise Conflict("a request with this Idempotency-Key is being worked on; try again")
        ledger = Ledger()
        ready = [task for task in tasks if task.state is TaskState.READY and not task.is_map]
        ready += mapped.open_roots(tx, tasks, ledger)
        routes = {task.route for task in ready}
        for route in routes:
            core.shares.came(route, who.org_id)
        offers = release(core, tx, routes, ledger)
        # The release is by route, so that it may have touched jobs that waited there before this one.
        touched = {each.seq: each for each in ledger.write(tx)}
        return touched.get(job.seq, job), offers

    job, offers = core.store.write(work)
    publish(core, offers)
    return job


def check(spec: JobSpec, used: list[SecretUse] | None = None) -> graph.Graph:
    """Everything that is wrong with the job as a whole, but for secrets that are not there: these are noted in `used`.
    Raises Invalid.
    """
    used = [] if used is None else used
    shape = graph.build([task.name for task in spec.tasks], [task.needs for task in spec.tasks])
    problems: list[Problem] = []
    total = 0
    for position, task in enumerate(spec.tasks):
        if task.type == "map":
            found = mapped.check(position, task, spec.parameters, used)
        else:
            payload = f"/tasks/{position}/payload"
            found = references.check(task.payload, payload, task.needs, spec.parameters, secrets=used)
        if task.inputs and task.type == "task":
            given = f"/tasks/{position}/inputs"
            found += references.check(list(task.inputs), given, task.needs, spec.parameters, secrets=used)
        total += len(found)
        problems += found[: limits.MAX_PROBLEMS - len(problems)]
    if problems:
        raise Invalid(problems, total=total)
    return shape


def _first(tx: Writer, who: Principal, key: Key) -> Job | None:
    kept = tx.kept_answer(who.org_id, key.route, key.key)
    if kept is None:
        return None
    if kept.body_hash != key.body_hash:
        raise Invalid([Problem("", "this Idempotency-Key was used with another body; use a new key")])
    job = tx.job(kept.resource_id)
    if job is None or job.removed:
        raise NotFound("the job that this Idempotency-Key made has been deleted")
    return job


def _write(
    core: Core,
    tx: Writer,
    who: Principal,
    queue: str,
    spec: JobSpec,
    shape: graph.Graph,
    lists: Mapping[int, values.Values],
) -> tuple[Job, list[Task]]:
    if who.traceparent:
        spec = replace(spec, tasks=tuple(structs.replace(task, traceparent=who.traceparent) for task in spec.tasks))
    if spec.template_id is not None:
        tx.count_start(spec.template_id)
    used = inputs.check(tx, who.org_id, spec.tasks)
    known_queue = tx.ask_queue(who.org_id, queue)
    project = choose_project(core, tx, who, spec.project_id)
    job_seq, first_seq = tx.reserve_job(mapped.seqs_needed(spec.tasks))
    seqs = mapped.seqs_from(first_seq, spec.tasks)
    fresh_id, *task_ids = core.chance.new_ids(tx.now_us, len(spec.tasks) + 1)
    job_id = spec.id or fresh_id
    keys = route_keys(queue, spec.tasks)
    heights = _heights(core, shape, keys)
    tasks = [
        _task(
            spec,
            position,
            heights[position],
            keys[position],
            seq=seq,
            task_id=task_id,
            job=(job_seq, job_id, who.org_id),
            now_us=tx.now_us,
        )
        for position, (seq, task_id) in enumerate(zip(seqs, task_ids, strict=True))
    ]
    job = Job(
        seq=job_seq,
        id=job_id,
        org_id=who.org_id,
        project_id=project.id,
        queue=queue,
        name=spec.name,
        state=JobState.PENDING,
        priority=spec.priority,
        created_by=who.name,
        created_at_us=tx.now_us,
        parameters=spec.parameters,
        labels=spec.labels,
        max_failed_tasks=spec.max_failed_tasks,
        continue_on_failure=spec.continue_on_failure,
        webhooks=spec.webhooks,
        template_id=spec.template_id,
        template_version=spec.template_version,
        open=spec.open,
        submitted=spec.submitted,
        traceparent=who.traceparent,
        counts=Counter(task.state for task in tasks),
    )
    job = settle(job, tx.now_us)
    if known_queue() is None:  # it comes into being with its first job
        tx.save_queue(Queue(org_id=who.org_id, name=queue, created_at_us=tx.now_us))
    tx.insert_job(job)
    tx.use_assets(job.seq, used)
    if spec.source is not None:
        tx.insert_source(job.seq, spec.source)
    tx.insert_tasks(tasks, spec.tasks)
    if routes := {at: route_of(queue, task) for at, task in enumerate(spec.tasks) if task.type == "map"}:
        mapped.insert(tx, tasks, spec.tasks, routes, lists)
    tx.insert_chords(
        [(seqs[chord.body], [seqs[header] for header in chord.header]) for chord in chords.plan(shape.needs)]
    )
    tx.add_events([job_event(job, tx.now_us)])
    hooks.note_job(tx, job)
    return job, tasks


def _task(
    spec: JobSpec,
    position: int,
    height: int,
    route: str,
    *,
    seq: int,
    task_id: str,
    job: tuple[int, str, str],
    now_us: int,
) -> Task:
    wanted = spec.tasks[position]
    return Task(
        seq=seq,
        id=task_id,
        job_seq=job[0],
        job_id=job[1],
        org_id=job[2],
        position=position,
        name=wanted.name,
        state=TaskState.WAITING if wanted.needs else TaskState.READY,
        route=route,
        run_when=wanted.run_when,
        priority=wanted.priority,
        height=height,
        max_attempts=wanted.max_attempts,
        retry_delay_s=wanted.retry_delay_s,
        created_at_us=now_us,
    )


def _heights(core: Core, shape: graph.Graph, keys: Sequence[str]) -> Sequence[int]:
    """By what each route has lately taken, in milliseconds, where the tasks differ in that; else each counts the same.
    A route that is not known counts as the mean of those that are.
    """
    known = {key: seconds for key in set(keys) if (seconds := core.pace.expected_s(key)) is not None}
    if not known or len(set(keys)) == 1:
        return shape.heights
    mean = sum(known.values()) / len(known)
    weights = {key: max(1, round(known.get(key, mean) * 1000)) for key in set(keys)}
    return graph.weighted(shape, [weights[key] for key in keys])


def route_keys(queue: str, tasks: Sequence[TaskSpec]) -> list[str]:
    """One a task. There are many tasks and few routes, so each route is written out once."""
    known: dict[tuple[str, str, str, Resources], str] = {}
    keys = []
    for task in tasks:
        like = (task.tag, task.executor, task.version, task.shape)
        key = NO_ROUTE if task.type == "map" else known.get(like)
        if key is None:
            key = known[like] = route_of(queue, task).key
        keys.append(key)
    return keys


def route_of(queue: str, task: TaskSpec) -> Route:
    return Route(queue=queue, tag=task.tag, executor=task.executor, version=task.version, shape=task.shape)


def choose_project(core: Core, tx: Writer, who: Principal, project_id: str | None) -> Project:
    """The one asked for, else the default one, which comes into being with its first use. Raises Invalid."""
    projects = tx.projects(who.org_id)
    if project_id is not None:
        for project in projects:
            if project.id == project_id:
                return project
        raise Invalid([Problem("/projectId", "there is no such project; GET /v1/projects lists them")])
    if projects:
        return projects[0]
    project = Project(
        seq=tx.reserve("project", 1),
        id=core.chance.new_id(tx.now_us),
        org_id=who.org_id,
        name=DEFAULT_PROJECT,
        created_at_us=tx.now_us,
        created_by=who.name,
    )
    tx.insert_project(project)
    return project
