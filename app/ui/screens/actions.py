"""What people do to a job or a task from its page: one form, one service call, and back to where they were."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Blueprint, Response, request

from app.domain.errors import NotFound
from app.domain.job import Job
from app.ports.records import TaskView
from app.services import control, hold, rerun
from app.services.access import Principal
from app.services.core import Core
from app.ui import guard, pages
from app.ui.context import core, who

routes = Blueprint("actions", __name__)


def _retry_failed(core: Core, who: Principal, job_id: str) -> Job:
    return rerun.retry_job(core, who, job_id, "failed")


def _run_again(core: Core, who: Principal, job_id: str) -> Job:
    return rerun.retry_job(core, who, job_id, "all")


JOB_VERBS: Final[Mapping[str, tuple[Callable[[Core, Principal, str], Job], str]]] = {
    "cancel": (control.cancel_job, "Canceled: what runs is being stopped, what waits never starts."),
    "pause": (control.pause_job, "Paused: what runs goes on, nothing new starts."),
    "resume": (control.resume_job, "It goes on."),
    "retry": (_retry_failed, "What failed, was canceled or skipped runs again."),
    "again": (_run_again, "All of it runs again."),
}
TASK_VERBS: Final[Mapping[str, tuple[Callable[[Core, Principal, str], TaskView], str]]] = {
    "cancel": (control.cancel_task, "Canceled."),
    "retry": (rerun.retry_task, "It runs again, and so does what ended below it."),
    "pause": (hold.pause_task, "Paused: what runs of it goes on, nothing new of it starts."),
    "resume": (hold.resume_task, "It goes on."),
}


@routes.post("/ui/jobs/<id:job_id>/<verb>")
@guard.needs("jobs:write")
def tell_job(job_id: str, verb: str) -> Response:
    return _tell(JOB_VERBS, verb, job_id, f"/jobs/{job_id}")


@routes.post("/ui/tasks/<id:task_id>/<verb>")
@guard.needs("jobs:write")
def tell_task(task_id: str, verb: str) -> Response:
    return _tell(TASK_VERBS, verb, task_id, f"/tasks/{task_id}")


def _tell(verbs: Mapping[str, tuple[Callable[..., Any], str]], verb: str, id_: str, home: str) -> Response:
    if verb not in verbs:
        raise NotFound(f"there is no such action; there are {', '.join(verbs)}")
    do, said = verbs[verb]
    do(core(), who(), id_)
    return pages.back(request.form.get("to") or home, said)
