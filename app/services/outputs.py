"""What runs leave behind: files that a run sends, and those that stand for its task and its job."""

from collections.abc import Iterable
from typing import Final

from app.domain import filenames, limits
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.domain.run import Run
from app.ports.records import Asset, Page
from app.ports.store import Reader, Writer
from app.services import loose, query
from app.services.access import Principal
from app.services.assets import DEFAULT_TYPE
from app.services.core import Core
from app.wire.states import RunState

SCOPE: Final = "runs:self"


def receive(
    core: Core, who: Principal, run_id: str, name: str, *, filename: str, media_type: str, source: Iterable[bytes]
) -> Asset:
    """A file of a run that is running, sent by itself; it replaces one that the run has sent by that name."""
    who.require(SCOPE)
    if wrong := filenames.problem(name, limits.MAX_TASK_NAME):
        raise Invalid([Problem("", f"the output's name {wrong}")])
    core.store.read(lambda tx: _check(who, tx.run(run_id)))
    received = loose.receive(core, source)

    def work(tx: Writer) -> Asset:
        run = _check(who, next(iter(tx.lock_runs([run_id])), None))
        asset = _describe(core, tx, run, received, name=name, filename=filename or name, media_type=media_type)
        sent = tx.outputs_of_runs([run_id])
        tx.delete_assets([each for each in sent if each.name == name])
        if sum(each.name != name for each in sent) >= limits.MAX_FILES:
            raise Conflict(f"a run may send at most {limits.MAX_FILES} files")
        loose.bind(tx, received.blob)
        tx.insert_asset(asset)
        return asset

    return core.store.write(work)


def _describe(
    core: Core, tx: Writer, run: Run, received: loose.Received, *, name: str, filename: str, media_type: str
) -> Asset:
    view, job = tx.task(run.task_id), tx.job(run.job_id)
    if view is None or job is None:
        raise NotFound("there is no such run")
    return Asset(
        seq=tx.reserve("asset", 1),
        id=core.chance.new_id(tx.now_us),
        org_id=job.org_id,
        project_id=job.project_id,
        filename=filenames.safe(filename),
        size=received.stored.size,
        checksum=received.stored.checksum,
        media_type=media_type or DEFAULT_TYPE,
        created_at_us=tx.now_us,
        modified_at_us=tx.now_us,
        created_by=job.created_by,
        blob=received.blob,
        job_seq=run.job_seq,
        task_seq=run.owner_seq,
        job_id=run.job_id,
        task_id=run.task_id,
        task_name=view.task.name,
        run_id=run.id,
        number=run.number,
        map_index=-1 if run.map_index is None else run.map_index,
        name=name,
    )


def _check(who: Principal, run: Run | None) -> Run:
    """Once before the first byte is read, and once when all have come."""
    if run is None or who.run_id != run.id:
        raise NotFound("there is no such run")
    if run.state is not RunState.RUNNING or run.fence != who.fence:
        raise Conflict("this run has ended, or another attempt has taken its place; it may send nothing more")
    return run


def outputs(
    core: Core,
    who: Principal,
    page: Page,
    *,
    job_id: str | None = None,
    task_id: str | None = None,
    run_id: str | None = None,
) -> list[Asset]:
    """Of a job or a task: those of each task's newest run that succeeded. Of a run: all that it has sent."""
    who.require("jobs:read")

    def work(tx: Reader) -> list[Asset]:
        if run_id is not None:
            return tx.outputs(page, run_id=query.find_run(tx, who, run_id).id)
        if task_id is not None:
            return tx.outputs(page, task_seq=query.find_task(tx, who, task_id).task.seq)
        return tx.outputs(page, job_seq=query.find_job(tx, who, job_id or "").seq)

    return core.store.read(work)
