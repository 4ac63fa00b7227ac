"""Projects are made, copied, changed and deleted.

A deleted project is gone for everybody at once; what it has goes by and by with the sweep: its jobs are canceled and
removed, then its files, and the project itself when it is empty.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from app.domain.errors import NotFound
from app.ports.records import JobFilter, Page, Project
from app.ports.store import Writer
from app.services import finding, removal
from app.services.access import SCOPES, Principal
from app.services.core import Core

ACCESS: Final = ("private", "public", "org")
KINDS: Final = ("unspecified", "digital_test_bench_experiment")

_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a new project is to be like. `source` is the number of one whose data, graph and kind it takes over."""

    name: str
    access: str = "private"
    kind: str = "unspecified"
    data: Any = None  # JSON
    graph: Any = None  # JSON
    source: int | None = None


def create(core: Core, who: Principal, wish: Wish) -> Project:
    """Raises NotFound for a source that the caller does not see."""
    who.require("jobs:write")

    def work(tx: Writer) -> Project:
        wanted = wish
        if wish.source is not None:
            source = finding.find_project(tx, who, wish.source)
            wanted = replace(wish, kind=source.kind, data=source.data, graph=source.graph)
        project = Project(
            seq=tx.reserve("project", 1),
            id=core.chance.new_id(tx.now_us),
            org_id=who.org_id,
            name=wanted.name,
            created_at_us=tx.now_us,
            created_by=who.name,
            access=wanted.access,
            kind=wanted.kind,
            data=wanted.data,
            graph=wanted.graph,
        )
        tx.insert_project(project)
        return project

    return core.store.write(work)


def change(core: Core, who: Principal, seq: int, changes: Mapping[str, Any]) -> Project:
    """`changes` are of `name`, `access`, `data` and `graph`."""
    who.require("jobs:write")

    def work(tx: Writer) -> Project:
        project = replace(finding.find_project(tx, who, seq), **changes, modified_at_us=tx.now_us)
        tx.save_project(project)
        return project

    return core.store.write(work)


def remove(core: Core, who: Principal, seq: int) -> None:
    """Where it was the default project, the next one is."""
    who.require("jobs:write")
    core.store.write(lambda tx: tx.save_project(replace(finding.find_project(tx, who, seq), removed=True)))


def sweep(core: Core) -> int:
    """One step further with each removed project; how many there are."""
    removed = core.store.write(lambda tx: tx.removed_projects(_AT_ONCE))
    for project in removed:
        _clear(core, project)
    return len(removed)


def _clear(core: Core, project: Project) -> None:
    nobody = Principal(org_id=project.org_id, name="system", role="member", scopes=SCOPES["member"])
    wanted, page = JobFilter(org_id=project.org_id, project_id=project.id), Page(limit=_AT_ONCE)
    jobs = core.store.read(lambda tx: tx.jobs(wanted, page))
    for job in jobs:
        with suppress(NotFound):  # somebody else has removed it just now
            removal.remove_job(core, nobody, job.id)
    if not jobs:
        core.store.write(lambda tx: _clear_files(tx, project))


def _clear_files(tx: Writer, project: Project) -> None:
    """What an unfinished job needs stays until that has ended."""
    files = tx.assets(project.org_id, Page(limit=_AT_ONCE), project_id=project.id)
    held = tx.lock_assets([asset.id for asset in files])
    used = tx.assets_in_use([asset.seq for asset in held])
    tx.delete_assets([asset for asset in held if asset.seq not in used])
    if not files:
        tx.delete_project(project.seq)
