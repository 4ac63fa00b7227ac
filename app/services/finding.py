"""What a project has, asked for by pattern and by number. A number is no secret, so that each is checked by its owner:
what lies in another organization or another project answers exactly as what is not there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from app.domain.errors import NotFound
from app.domain.job import Job
from app.domain.search import NEWEST_FIRST, Sort, Term
from app.ports.finding import Seek, Tally, Wanted
from app.ports.records import Asset, Project
from app.ports.store import Reader
from app.services.access import Principal
from app.services.core import Core
from app.services.placed import Placed, place
from app.services.submit import choose_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """As `app.ports.finding.Wanted`, of whatever project."""

    terms: tuple[Term, ...] = ()
    states: frozenset[str] | None = None
    sort: Sort = NEWEST_FIRST

    def within(self, who: Principal, project: Project) -> Wanted:
        return Wanted(org_id=who.org_id, project_id=project.id, terms=self.terms, states=self.states, sort=self.sort)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A job as a whole: with the text that it was made from, and the numbers of its tasks."""

    job: Job
    text: str
    tasks: tuple[int, ...]


def find_project(tx: Reader, who: Principal, seq: int) -> Project:
    """Raises NotFound."""
    found = tx.project_at(seq)
    if found is None or found.org_id != who.org_id or found.removed:
        raise NotFound("there is no such project")
    return found


def find_task(tx: Reader, who: Principal, project_seq: int, seq: int) -> Placed:
    project = find_project(tx, who, project_seq)
    view = tx.task_at(seq)
    job = tx.job(view.task.job_id) if view else None
    if view is None or job is None or job.removed or (job.org_id, job.project_id) != (who.org_id, project.id):
        raise NotFound("there is no such job")
    return place(tx, who, [view])[0]


def find_whole(tx: Reader, who: Principal, project_seq: int, seq: int) -> Whole:
    project = find_project(tx, who, project_seq)
    job = tx.job_at(seq)
    if job is None or job.removed or (job.org_id, job.project_id) != (who.org_id, project.id):
        raise NotFound("there is no such workflow")
    source = tx.sources([seq]).get(seq)
    if source is not None and source.single:
        raise NotFound("there is no such workflow")
    return whole(tx, [job])[0]


def find_asset(tx: Reader, who: Principal, project_seq: int, seq: int) -> Asset:
    project = find_project(tx, who, project_seq)
    found = tx.asset_at(seq)
    if found is None or (found.org_id, found.project_id) != (who.org_id, project.id):
        raise NotFound("there is no such asset")
    return found


def whole(tx: Reader, jobs: Sequence[Job]) -> list[Whole]:
    seqs = [job.seq for job in jobs]
    sources, tasks = tx.sources(seqs), tx.shown_tasks(seqs)
    return [
        Whole(job=job, text=sources[job.seq].text if job.seq in sources else "", tasks=tasks.get(job.seq, ()))
        for job in jobs
    ]


def project(core: Core, who: Principal, seq: int) -> Project:
    who.require("jobs:read")
    return core.store.read(lambda tx: find_project(tx, who, seq))


def task(core: Core, who: Principal, project_seq: int, seq: int) -> Placed:
    who.require("jobs:read")
    return core.store.read(lambda tx: find_task(tx, who, project_seq, seq))


def job(core: Core, who: Principal, project_seq: int, seq: int) -> Whole:
    who.require("jobs:read")
    return core.store.read(lambda tx: find_whole(tx, who, project_seq, seq))


def whole_of(core: Core, who: Principal, made: Job) -> Whole:
    """Of a job that the caller has just submitted."""
    return core.store.read(lambda tx: whole(tx, [made])[0])


def asset(core: Core, who: Principal, project_seq: int, seq: int) -> Asset:
    who.require("jobs:read")
    return core.store.read(lambda tx: find_asset(tx, who, project_seq, seq))


def files(core: Core, who: Principal, project_seq: int, filenames: Collection[str]) -> Mapping[str, Asset]:
    """The newest of each name, where there is one."""
    who.require("jobs:read")

    def work(tx: Reader) -> Mapping[str, Asset]:
        return tx.assets_called(who.org_id, find_project(tx, who, project_seq).id, filenames)

    return core.store.read(work)


def tally(core: Core, who: Principal) -> Tally:
    who.require("jobs:read")
    return core.store.read(lambda tx: tx.tally(who.org_id))


def founded_at_us(core: Core, who: Principal) -> int:
    """When the caller's organization came into being."""

    def work(tx: Reader) -> int:
        found = tx.organization(who.org_id)
        return tx.now_us if found is None else found.created_at_us

    return core.store.read(work)


def projects(core: Core, who: Principal, asked: Asked, seek: Seek) -> list[Project]:
    """There is always one: whoever begins here has nowhere else to begin."""
    who.require("jobs:read")
    wanted = Wanted(org_id=who.org_id, terms=asked.terms, sort=asked.sort)
    if not core.store.read(lambda tx: tx.projects(who.org_id)):
        core.store.write(lambda tx: choose_project(core, tx, who, None))
    return core.store.read(lambda tx: tx.find_projects(wanted, seek))


def tasks(core: Core, who: Principal, project_seq: int, asked: Asked, seek: Seek) -> list[Placed]:
    who.require("jobs:read")

    def work(tx: Reader) -> list[Placed]:
        wanted = asked.within(who, find_project(tx, who, project_seq))
        return place(tx, who, tx.find_tasks(wanted, seek))

    return core.store.read(work)


def jobs(core: Core, who: Principal, project_seq: int, asked: Asked, seek: Seek) -> list[Whole]:
    who.require("jobs:read")

    def work(tx: Reader) -> list[Whole]:
        wanted = asked.within(who, find_project(tx, who, project_seq))
        return whole(tx, tx.find_jobs(wanted, seek))

    return core.store.read(work)


def assets(core: Core, who: Principal, project_seq: int, asked: Asked, seek: Seek) -> list[Asset]:
    who.require("jobs:read")

    def work(tx: Reader) -> list[Asset]:
        return tx.find_assets(asked.within(who, find_project(tx, who, project_seq)), seek)

    return core.store.read(work)
