"""The frame of a job's pages: its head with state, progress and what can be done, and its tabs.

A tab's template extends `job.html` and fills the block `tab`; its view ends with `job_page`.
"""

from typing import Any, Final

from flask import Response

from app.domain.job import Job
from app.services import query
from app.ui import pages, shares
from app.ui.context import core, moment, who
from app.wire.states import JOB_TERMINAL, JobState, TaskState

TABS: Final = (
    # key, word, end of the address
    ("graph", "Graph", ""),
    ("timeline", "Timeline", "/timeline"),
    ("tasks", "Tasks", "/tasks"),
    ("log", "Log", "/log"),
    ("files", "Inputs and outputs", "/files"),
    ("events", "Events", "/events"),
    ("api", "API", "/api"),
)


def job_page(template: str, job: Job, tab: str, **values: Any) -> Response:
    word = next(word for key, word, _ in TABS if key == tab)
    done = shares.ended(job)
    return pages.page(
        template,
        title=f"{job.name} · {done}/{job.total}" + ("" if tab == "graph" else f" · {word}"),
        active="jobs",
        state=job.state.value,
        job=job,
        tab=tab,
        tabs=TABS,
        done=done,
        pieces=shares.pieces(job.counts),
        took_us=shares.took_us(job, moment().now_us),
        left_us=shares.left_us(job, moment().now_us),
        open_tasks=shares.open_tasks(job),
        running=job.counts.get(TaskState.RUNNING, 0),
        unsuccessful=done - job.counts.get(TaskState.SUCCEEDED, 0),
        is_over=job.state in JOB_TERMINAL,
        is_paused=job.state is JobState.PAUSED,
        **values,
    )


def find(job_id: str) -> Job:
    return query.job(core(), who(), job_id)
