"""What there is to see, for whom. Another organization's id answers exactly as an absent one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import NotFound
from app.domain.job import Job
from app.domain.node import Node
from app.domain.run import Run
from app.ports.records import Event, JobFilter, Page, Project, StoredLine, TaskView
from app.ports.store import Reader
from app.services.access import SYSTEM, Principal
from app.services.core import MICROSECONDS, Core
from app.services.files import with_files
from app.services.map_view import IN_LISTS, WHOLE, with_maps
from app.wire.states import JobState, NodeState
from app.wire.usage import Sample


def find_job(tx: Reader, who: Principal, job_id: str) -> Job:
    """Raises NotFound, also when it is another organization's or was removed."""
    job = tx.job(job_id)
    if job is None or not _sees(who, job):
        raise NotFound("there is no such job")
    return job


def _sees(who: Principal, job: Job) -> bool:
    return job.org_id == who.org_id and not job.removed


def find_task(tx: Reader, who: Principal, task_id: str) -> TaskView:
    view = tx.task(task_id)
    job = tx.job(view.task.job_id) if view else None
    if view is None or job is None or not _sees(who, job):
        raise NotFound("there is no such task")
    return view


def find_run(tx: Reader, who: Principal, run_id: str) -> Run:
    run = tx.run(run_id)
    job = tx.job(run.job_id) if run else None
    if run is None or job is None or not _sees(who, job):
        raise NotFound("there is no such run")
    return run


def job(core: Core, who: Principal, job_id: str) -> Job:
    who.require("jobs:read")
    return core.store.read(lambda tx: find_job(tx, who, job_id))


def task(core: Core, who: Principal, task_id: str) -> TaskView:
    who.require("jobs:read")
    return core.store.read(lambda tx: with_maps(tx, with_files(tx, [find_task(tx, who, task_id)]), WHOLE)[0])


def run(core: Core, who: Principal, run_id: str) -> Run:
    who.require("jobs:read")
    return core.store.read(lambda tx: find_run(tx, who, run_id))


def jobs(
    core: Core,
    who: Principal,
    page: Page,
    *,
    queue: str | None = None,
    state: JobState | None = None,
    project_id: str | None = None,
    text: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Job]:
    """Newest first."""
    who.require("jobs:read")
    wanted = JobFilter(
        org_id=who.org_id, queue=queue, state=state, project_id=project_id, text=text, labels=labels or {}
    )
    return core.store.read(lambda tx: tx.jobs(wanted, page))


def tasks(core: Core, who: Principal, job_id: str, page: Page, name: str | None = None) -> list[TaskView]:
    """In order of submission; `name` is exact."""
    who.require("jobs:read")

    def work(tx: Reader) -> list[TaskView]:
        views = tx.tasks(find_job(tx, who, job_id).seq, page, name)
        return with_maps(tx, with_files(tx, views), IN_LISTS)

    return core.store.read(work)


def runs(core: Core, who: Principal, page: Page, *, job_id: str | None = None, task_id: str | None = None) -> list[Run]:
    """Of a job or of a task, by task, then number."""
    who.require("jobs:read")

    def work(tx: Reader) -> list[Run]:
        if task_id is not None:
            found = find_task(tx, who, task_id).task
            return tx.runs(found.job_seq, page, found.seq, first_seq=found.first_seq)
        return tx.runs(find_job(tx, who, job_id or "").seq, page)

    return core.store.read(work)


def lines(
    core: Core,
    who: Principal,
    page: Page,
    *,
    job_id: str | None = None,
    task_id: str | None = None,
    run_id: str | None = None,
) -> Sequence[StoredLine]:
    """Of a job, a task or a run, in order of arrival."""
    who.require("messages:read")

    def work(tx: Reader) -> Sequence[StoredLine]:
        if run_id is not None:
            return tx.lines(page, run_id=find_run(tx, who, run_id).id)
        if task_id is not None:
            return tx.lines(page, task_seq=find_task(tx, who, task_id).task.seq)
        return tx.lines(page, job_seq=find_job(tx, who, job_id or "").seq)

    return core.store.read(work)


def samples(core: Core, who: Principal, run_id: str, page: Page) -> list[Sample]:
    who.require("jobs:read")
    return core.store.read(lambda tx: tx.samples(find_run(tx, who, run_id).id, page))


def events(core: Core, who: Principal, page: Page, job_id: str | None = None) -> list[Event]:
    """Oldest first, of a job or of the whole organization."""
    who.require("jobs:read")

    def work(tx: Reader) -> list[Event]:
        if job_id is not None:
            find_job(tx, who, job_id)
        return tx.events(who.org_id, page, job_id)

    return core.store.read(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphView:
    """The job's tasks in order of submission, and its edges as (header position, body position)."""

    tasks: Sequence[TaskView]
    edges: Sequence[tuple[int, int]]


def graph(core: Core, who: Principal, job_id: str, limit: int) -> GraphView:
    """At most `limit` tasks."""
    who.require("jobs:read")

    def work(tx: Reader) -> GraphView:
        seq = find_job(tx, who, job_id).seq
        return GraphView(tasks=with_maps(tx, tx.tasks(seq, Page(limit=limit)), 0), edges=tx.edges(seq))

    return core.store.read(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    node: Node
    state: NodeState
    running: tuple[str, ...]


def nodes(core: Core, who: Principal) -> list[NodeView]:
    who.require("jobs:read")

    def work(tx: Reader) -> list[NodeView]:
        known = tx.nodes()
        held = visible(tx, who, tx.held([node.id for node in known]))
        return [view_node(core, tx, node, held) for node in known]

    return core.store.read(work)


def node(core: Core, who: Principal, node_id: str) -> NodeView:
    who.require("jobs:read")

    def work(tx: Reader) -> NodeView:
        known = tx.node(node_id)
        if known is None:
            raise NotFound("there is no such node")
        return view_node(core, tx, known, visible(tx, who, tx.held([node_id])))

    return core.store.read(work)


def visible(tx: Reader, who: Principal, held: Sequence[Run]) -> list[Run]:
    """The fleet is everybody's, what runs there is each organization's own."""
    if SYSTEM in who.scopes:
        return list(held)
    owners = tx.owners({run.job_seq for run in held})
    return [run for run in held if owners.get(run.job_seq) == who.org_id]


def view_node(core: Core, tx: Reader, known: Node, held: Sequence[Run]) -> NodeView:
    state = known.state(tx.now_us, int(core.clockwork.heartbeat_s * MICROSECONDS))
    return NodeView(node=known, state=state, running=tuple(run.id for run in held if run.node_id == known.id))


def projects(core: Core, who: Principal) -> list[Project]:
    """Oldest first: the first one is the default project."""
    who.require("jobs:read")
    return core.store.read(lambda tx: tx.projects(who.org_id))
