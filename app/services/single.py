"""A task as a thing of its own, by its number: renamed when its job is nothing else, taken out of sight."""

from contextlib import suppress

from app.domain import limits
from app.domain.errors import Conflict
from app.ports.store import Writer
from app.services import cancel, control, finding, removal
from app.services.access import Principal
from app.services.core import Core


def rename(core: Core, who: Principal, project_seq: int, seq: int, name: str) -> None:
    """Raises NotFound, and Conflict for a task whose job gives it its name."""
    who.require("jobs:write")

    def work(tx: Writer) -> str:
        placed = finding.find_task(tx, who, project_seq, seq)
        if placed.source is None or not placed.source.single:
            raise Conflict("the job has its name from its workflow's definition; others are wired to it by that name")
        task = tx.lock_tasks([seq])[0]
        tx.rename_task(task, name)
        return task.job_id

    control.change_job(core, who, core.store.write(work), None, name=name[: limits.MAX_JOB_NAME])


def remove(core: Core, who: Principal, project_seq: int, seq: int) -> None:
    """It is canceled if it has not ended. A task by itself goes with its job; another stays with its job, for those who
    ask for that, and is found no more by its number.
    """
    who.require("jobs:write")
    placed = finding.task(core, who, project_seq, seq)
    task = placed.view.task
    if placed.source is not None and placed.source.single:
        removal.remove_job(core, who, task.job_id)
        return
    with suppress(Conflict):  # it has ended
        cancel.cancel_task(core, who, task.id)
    core.store.write(lambda tx: tx.hide_task(task))
