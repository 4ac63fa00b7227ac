"""All about one task, or about one run of it: the attempts; what the newest or chosen one used, said, left behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.domain.job import Job
from app.domain.run import Run
from app.ports.logs import LinesWanted
from app.ports.records import Asset, Page, StoredLine, TaskView
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.explain import Reason, explained
from app.services.map_view import with_maps
from app.wire.usage import Sample

ATTEMPTS: Final = 100
FILES: Final = 1000
_SAMPLES: Final = 5000
_TAIL: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A run with what it used over time, the last it said, and the files that it sent."""

    run: Run
    samples: Sequence[Sample]
    tail: Sequence[StoredLine]
    outputs: Sequence[Asset]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """`attempts` are the last ones, in order; of a map none. `value` is what a run of a map works on.

    `nodes` are the names of the nodes they ran on, where those are known still.
    """

    job: Job
    view: TaskView
    reasons: Sequence[Reason]
    attempts: Sequence[Run]
    nodes: Mapping[str, str]
    shown: Attempt | None
    value: Any = None  # JSON


def task_page(core: Core, who: Principal, task_id: str) -> TaskPage:
    """With its newest run. Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> TaskPage:
        view = query.find_task(tx, who, task_id)
        return _page(tx, who, view, view.run)

    return core.store.read(work)


def run_page(core: Core, who: Principal, run_id: str) -> TaskPage:
    """With that run. Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> TaskPage:
        run = query.find_run(tx, who, run_id)
        return _page(tx, who, query.find_task(tx, who, run.task_id), run)

    return core.store.read(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPlace:
    """Where a run stands: in its job, at its task, among its attempts."""

    job: Job
    view: TaskView
    run: Run
    attempts: Sequence[Run]


def run_place(core: Core, who: Principal, run_id: str) -> RunPlace:
    """Raises NotFound."""
    who.require("jobs:read")

    def work(tx: Reader) -> RunPlace:
        run = query.find_run(tx, who, run_id)
        return RunPlace(
            job=query.find_job(tx, who, run.job_id),
            view=query.find_task(tx, who, run.task_id),
            run=run,
            attempts=_attempts(tx, run),
        )

    return core.store.read(work)


def _page(tx: Reader, who: Principal, view: TaskView, run: Run | None) -> TaskPage:
    index = run.map_index if run else None
    attempts = _attempts(tx, run) if run else []
    return TaskPage(
        job=query.find_job(tx, who, view.task.job_id),
        view=with_maps(tx, [view], 0)[0],
        reasons=explained(tx, who, view.task.id).reasons,
        attempts=attempts,
        nodes=_names(tx, attempts),
        shown=_attempt(tx, who, run) if run else None,
        value=tx.map_values(run.owner_seq, [index]).get(index) if run and index is not None else None,
    )


def _attempts(tx: Reader, run: Run) -> list[Run]:
    """At what this is one of: a task, or one value of a map."""
    first = max(0, run.number - ATTEMPTS // 2)
    after = (run.task_seq, -1 if run.map_index is None else run.map_index, first)
    return tx.runs(run.job_seq, Page(limit=ATTEMPTS, after=after), run.task_seq, first_seq=run.task_seq)


def _names(tx: Reader, runs: Sequence[Run]) -> dict[str, str]:
    found = {node_id: tx.node(node_id) for node_id in {run.node_id for run in runs} if node_id is not None}
    return {node_id: node.name for node_id, node in found.items() if node is not None}


def _attempt(tx: Reader, who: Principal, run: Run) -> Attempt:
    tail: Sequence[StoredLine] = ()
    if "messages:read" in who.scopes:
        tail = tx.find_lines(LinesWanted(run_id=run.id, newest_first=True, limit=_TAIL)).lines[::-1]
    return Attempt(
        run=run,
        samples=tx.samples(run.id, Page(limit=_SAMPLES)),
        tail=tail,
        outputs=tx.outputs(Page(limit=FILES), run_id=run.id),
    )
