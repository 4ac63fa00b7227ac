"""What is asked often costs the same however much the store holds: by the database's own account, not by the clock."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from app.adapters import sql
from app.adapters.sql.postgres import postgres_engine
from app.adapters.sql.session import Session
from app.adapters.sql.sqlite import sqlite_engine
from app.adapters.sql.store import SqlWriter
from app.domain.job import Desired
from app.ports import finding, numbered
from app.ports.executions import Window
from app.ports.finding import Seek
from app.ports.logs import LinesWanted
from app.ports.records import JobFilter, Page, Part, StoredLine
from app.ports.store import Store, Writer
from app.ports.templates import JobsWanted
from app.wire.report import LogLine
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.values import NOW_US, ORG, ROUTE, job, node, run, start, submit
from tests.replacing import replace

PAGE = Page(limit=20)
SPOT = numbered.Spot(offset=0, limit=20, newest_first=True)
RUNNING = numbered.Wanted(org_id=ORG, phase=numbered.Phase.RUNNING)
IN_PROJECT = finding.Wanted(org_id=ORG, project_id="project-1")
Question = Callable[["Asked", Writer], object]


class Asked:
    """A small job among whatever else there is."""

    def __init__(self, store: Store) -> None:
        self.node = node(lease_until_us=0)
        store.write(lambda tx: tx.save_node(self.node))
        self.job, self.tasks = submit(store, [(), (), (0, 1), (2,), ()])
        self.seqs = [task.seq for task in self.tasks]
        self.run = start(store, self.tasks[0], state=RunState.RUNNING, node_id=self.node.id, claim_id="c")
        self.queued = start(store, self.tasks[1], offered_at_us=1)
        said = LogLine(line=1, at_us=NOW_US, stream="stdout", level="info", text="x")
        self.line = StoredLine(seq=0, job_seq=self.job.seq, task_seq=1, task_id="t", run_id=self.run.id, line=said)
        store.write(lambda tx: tx.add_lines([self.line]))


QUESTIONS: dict[str, Question] = {
    "lock_ready": lambda asked, tx: tx.lock_ready(ROUTE, 3, ORG),
    "lock_ready where nothing is": lambda asked, tx: tx.lock_ready(ROUTE, 3, "nobody"),
    "ready_orgs": lambda asked, tx: tx.ready_orgs(ROUTE),
    "in_flight": lambda asked, tx: tx.in_flight(),
    "end_of": lambda asked, tx: tx.end_of(ORG, 0),
    "ended_jobs": lambda asked, tx: tx.ended_jobs(ORG, (-1, -1), (0, 0), 5),
    "gives_inputs": lambda asked, tx: tx.gives_inputs(asked.job.seq),
    "delete_some": lambda asked, tx: tx.delete_some(asked.job.seq, 4),
    "job_counts": lambda asked, tx: tx.job_counts(ORG, 10),
    "oldest_waiting": lambda asked, tx: tx.oldest_waiting(ORG),
    "backlogs": lambda asked, tx: tx.backlogs(),
    "newest_event": lambda asked, tx: tx.newest_event(ORG),
    "activity": lambda asked, tx: tx.activity(ORG, 0, 3_600_000_000, 10),
    "due deliveries": lambda asked, tx: tx.lock_due_deliveries(5),
    "due_blobs": lambda asked, tx: tx.due_blobs(NOW_US, 5),
    "expired_assets": lambda asked, tx: tx.expired_assets(5),
    "removed_projects": lambda asked, tx: tx.removed_projects(5),
    "outputs": lambda asked, tx: tx.outputs(PAGE, job_seq=asked.job.seq),
    "node": lambda asked, tx: tx.node(asked.node.id),
    "points": lambda asked, tx: tx.points(asked.node.id, 0),
    "owners": lambda asked, tx: tx.owners([asked.job.seq]),
    "jobs_by_seq": lambda asked, tx: tx.jobs_by_seq([asked.job.seq]),
    "samples": lambda asked, tx: tx.samples(asked.run.id, PAGE),
    "audit": lambda asked, tx: tx.audit(ORG, PAGE),
    "run": lambda asked, tx: tx.run(asked.run.id),
    "ready_routes": lambda asked, tx: tx.ready_routes(),
    "queued_routes": lambda asked, tx: tx.queued_routes(),
    "queued_counts": lambda asked, tx: tx.queued_counts([ROUTE]),
    "lock_queued": lambda asked, tx: tx.lock_queued(ROUTE, NOW_US, 5),
    "stale_offers": lambda asked, tx: tx.stale_offers(NOW_US, 5),
    "lock_runs": lambda asked, tx: tx.lock_runs([asked.run.id, asked.queued.id]),
    "lock_reported": lambda asked, tx: tx.lock_reported(asked.node.id, [asked.run.id]),
    "set_task_priority": lambda asked, tx: tx.set_task_priority(asked.job.seq, 5),
    "lock_tasks": lambda asked, tx: tx.lock_tasks(asked.seqs),
    "save_runs": lambda asked, tx: tx.save_runs([asked.run, asked.queued]),
    "lock_tasks_in": lambda asked, tx: tx.lock_tasks_in(asked.job.seq, [TaskState.READY], 5),
    "return_parts": lambda asked, tx: tx.return_parts([Part(header_seq=asked.seqs[0], succeeded=True)]),
    "lock_waiting_below": lambda asked, tx: tx.lock_waiting_below(asked.seqs[:1]),
    "lock_line": lambda asked, tx: tx.lock_line(asked.seqs[0], 5),
    "edges": lambda asked, tx: tx.edges(asked.job.seq),
    "specs": lambda asked, tx: tx.specs(asked.seqs),
    "ask_specs": lambda asked, tx: tx.ask_specs(asked.seqs)(),
    "keep_lease": lambda asked, tx: tx.keep_lease(asked.node.id, 5, asked.node.free),
    "results": lambda asked, tx: tx.results(asked.job.seq, ["task 0", "task 1"]),
    "held": lambda asked, tx: tx.held([asked.node.id]),
    "unwanted": lambda asked, tx: tx.unwanted(asked.node.id),
    "runs_of_claim": lambda asked, tx: tx.runs_of_claim(asked.node.id, "c"),
    "expired_nodes": lambda asked, tx: tx.expired_nodes(),
    "add_counts": lambda asked, tx: tx.add_counts({asked.job.seq: {TaskState.READY: 1}}),
    "lock_canceling_jobs": lambda asked, tx: tx.lock_canceling_jobs(5),
    "queue_counts": lambda asked, tx: tx.queue_counts(ORG),
    "stuck": lambda asked, tx: tx.stuck(ORG, 1, 5),
    "failed_with": lambda asked, tx: tx.failed_with(ORG, "crash_limit", 20, 5),
    "job": lambda asked, tx: tx.job(asked.job.id),
    "jobs": lambda asked, tx: tx.jobs(JobFilter(org_id=ORG), PAGE),
    "jobs of a queue": lambda asked, tx: tx.jobs(JobFilter(org_id=ORG, queue="@default"), PAGE),
    "jobs in a state": lambda asked, tx: tx.jobs(JobFilter(org_id=ORG, state=JobState.PENDING), PAGE),
    "task": lambda asked, tx: tx.task(asked.tasks[0].id),
    "tasks": lambda asked, tx: tx.tasks(asked.job.seq, PAGE),
    "tasks by name": lambda asked, tx: tx.tasks(asked.job.seq, PAGE, name="task 1"),
    "runs": lambda asked, tx: tx.runs(asked.job.seq, PAGE),
    "runs of a task": lambda asked, tx: tx.runs(asked.job.seq, PAGE, task_seq=asked.seqs[0]),
    "failed executions": lambda asked, tx: tx.executions(asked.job.seq, "failed", PAGE),
    "other executions": lambda asked, tx: tx.executions(asked.job.seq, "others", PAGE),
    "changed executions": lambda asked, tx: tx.changed_executions(asked.job.seq, 0, PAGE),
    "changed jobs": lambda asked, tx: tx.changed_jobs(ORG, "@default", Window(after_us=0, before_us=1 << 62), PAGE),
    "lock_removed_jobs": lambda asked, tx: tx.lock_removed_jobs(5),
    "lines of a job": lambda asked, tx: tx.lines(PAGE, job_seq=asked.job.seq),
    "lines of a run": lambda asked, tx: tx.lines(PAGE, run_id=asked.run.id),
    "lines from a place on": lambda asked, tx: tx.find_lines(LinesWanted(run_id=asked.run.id, first=9, limit=5)),
    "errors of a job": lambda asked, tx: tx.find_lines(LinesWanted(job_seq=asked.job.seq, level="error", limit=5)),
    "end of a job's log": lambda asked, tx: tx.find_lines(
        LinesWanted(job_seq=asked.job.seq, newest_first=True, limit=5)
    ),
    "end of a run's log": lambda asked, tx: tx.find_lines(LinesWanted(run_id=asked.run.id, newest_first=True, limit=5)),
    "length of a log": lambda asked, tx: tx.log_length(asked.run.id),
    "sealed": lambda asked, tx: tx.sealed(ORG, ["KEY"]),
    "events": lambda asked, tx: tx.events(ORG, PAGE),
    "jobs by number": lambda asked, tx: tx.jobs_by_number(numbered.Wanted(org_id=ORG), SPOT),
    "jobs that run by number": lambda asked, tx: tx.jobs_by_number(RUNNING, SPOT),
    "tasks by number": lambda asked, tx: tx.tasks_by_number(numbered.Wanted(org_id=ORG), SPOT),
    "runs by number": lambda asked, tx: tx.runs_by_number(numbered.Wanted(org_id=ORG, job_seq=asked.job.seq), SPOT),
    "what runs have said": lambda asked, tx: tx.said_bytes([asked.run.id]),
    "progress of running tasks": lambda asked, tx: tx.running_progress([asked.job.seq]),
    "find_tasks": lambda asked, tx: tx.find_tasks(IN_PROJECT, Seek(limit=20)),
    "find_tasks further on": lambda asked, tx: tx.find_tasks(IN_PROJECT, Seek(limit=3, after=(0, asked.seqs[-1]))),
    "find_jobs": lambda asked, tx: tx.find_jobs(IN_PROJECT, Seek(limit=20)),
    "find_assets": lambda asked, tx: tx.find_assets(IN_PROJECT, Seek(limit=20)),
    "task_at": lambda asked, tx: tx.task_at(asked.seqs[0]),
    "shown_tasks": lambda asked, tx: tx.shown_tasks([asked.job.seq]),
    "named_tasks": lambda asked, tx: tx.named_tasks(asked.job.seq, ["task 0"]),
    "sources": lambda asked, tx: tx.sources([asked.job.seq]),
    "jobs wanted": lambda asked, tx: tx.jobs_wanted(JobsWanted(org_id=ORG, limit=20)),
    "jobs wanted of a template": lambda asked, tx: tx.jobs_wanted(JobsWanted(org_id=ORG, template_id="t", limit=20)),
    "first_routes": lambda asked, tx: tx.first_routes([asked.job.seq]),
    "places": lambda asked, tx: tx.places(asked.seqs),
    "template": lambda asked, tx: tx.template("t"),
    "templates": lambda asked, tx: tx.templates(ORG, PAGE),
    "assets_called": lambda asked, tx: tx.assets_called(ORG, "project-1", ["a"]),
}
LISTED = 20
"""Jobs that a page of jobs finds in either store, so that pages are of one length."""


def _end_many(tx: Writer) -> None:
    first = tx.reserve("job", 400)
    for seq in range(first, first + 400):
        tx.insert_job(replace(job(seq), state=JobState.SUCCEEDED, finished_at_us=seq))


def live_long(store: Store) -> None:
    """Jobs that ended, one that is paused and one that is being canceled, with much that is ready."""
    store.write(_end_many)
    for of_job, state in (
        ({"state": JobState.SUCCEEDED}, TaskState.SUCCEEDED),
        ({"state": JobState.PAUSED, "desired": Desired.PAUSE}, TaskState.READY),
        ({"state": JobState.CANCELED, "desired": Desired.CANCEL}, TaskState.READY),
    ):
        needs = [*[()] * 1500, *[(at,) for at in range(1500)]]
        _, tasks = submit(store, needs, of_job=of_job, of_all={"state": state, "priority": 90})
        ended = [run(task, state=RunState.SUCCEEDED, node_id="gone", claim_id="c") for task in tasks]
        store.write(lambda tx, ended=ended: tx.insert_runs(ended))  # type: ignore[misc]
        said = LogLine(line=1, at_us=NOW_US, stream="stdout", level="info", text="x")
        lines = [
            StoredLine(seq=0, job_seq=one.job_seq, task_seq=one.task_seq, task_id="t", run_id=one.id, line=said)
            for one in ended
        ]
        store.write(lambda tx, lines=lines: tx.add_lines(lines))  # type: ignore[misc]


@contextmanager
def transaction(connection: Any, cursor: Any, kind: Any) -> Iterator[SqlWriter]:
    """A writer on a cursor of our own; what it did is undone."""
    connection.cursor().execute("BEGIN")
    try:
        yield SqlWriter(Session(cursor, kind, lambda _: NOW_US, lambda *_: ({}, NOW_US)))
    finally:
        connection.cursor().execute("ROLLBACK")


def steps_of(url: str, asked: Asked, questions: Mapping[str, Question] = QUESTIONS) -> dict[str, int]:
    """How many instructions of SQLite's machine each question takes."""
    connection = sqlite_engine(url, threads=1).raw_connection()
    steps = dict.fromkeys(questions, 0)
    for name, question in questions.items():

        def count(name: str = name) -> int:
            steps[name] += 1
            return 0

        with transaction(connection, connection.cursor(), "sqlite") as writer:
            connection.driver_connection.set_progress_handler(count, 1)  # type: ignore[union-attr]  # sqlite3's
            question(asked, writer)
            connection.driver_connection.set_progress_handler(None, 0)  # type: ignore[union-attr]
    connection.close()
    return steps


def test_questions_cost_the_same_after_a_long_life(tmp_path: Path) -> None:
    steps = {}
    for name, live in (("young", False), ("old", True)):
        url = f"sqlite:///{tmp_path}/{name}.db"
        sql.upgrade(url)
        store = sql.open_store(url, threads=1)
        for _ in range(LISTED):
            submit(store, [()], of_all={"state": TaskState.SUCCEEDED})
        if live:
            live_long(store)
        steps[name] = steps_of(url, Asked(store))
        store.close()
    grown = {name: (steps["young"][name], count) for name, count in steps["old"].items()}
    # A search among more rows has a few levels more; a window of entries that may not go is looked at once.
    allowed = {"lock_ready": 5000, "ready_routes": 500}
    dear = {name: (young, old) for name, (young, old) in grown.items() if old > young * 1.5 + allowed.get(name, 100)}
    assert not dear


class Explaining:
    """A cursor of psycopg that has every query explained before it runs."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self.plans: list[str] = []

    def execute(self, text: str, values: Any = None) -> Any:
        rows = self.cursor.execute(f"EXPLAIN {text}", values).fetchall()
        self.plans.append("\n".join(row[0] for row in rows))
        return self.cursor.execute(text, values)

    def executemany(self, text: str, rows: Any) -> None:
        for row in rows:
            self.execute(text, row)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)


@pytest.fixture
def explained(postgres_url: str) -> Iterator[tuple[Asked, Any]]:
    sql.upgrade(postgres_url)
    store = sql.open_store(postgres_url, threads=1)
    asked = Asked(store)
    live_long(store)
    engine = postgres_engine(str(make_url(postgres_url).render_as_string(False)), sql.Pool(size=1))
    connection = engine.raw_connection()
    connection.cursor().execute("ANALYZE")
    connection.cursor().execute("SET enable_seqscan = off")
    yield asked, connection
    connection.close()
    engine.dispose()
    store.close()


SMALL = {"nodes", "jobs"}  # tables that may be read whole: a few rows here, and for nodes everywhere


def test_postgresql_has_an_index_for_every_question(explained: tuple[Asked, Any]) -> None:
    asked, connection = explained
    for name, question in QUESTIONS.items():
        cursor = Explaining(connection.cursor())
        with transaction(connection, cursor, "postgresql") as writer:
            question(asked, writer)
        assert cursor.plans
        for plan in cursor.plans:
            read = [line.split("Seq Scan on ")[1].split()[0] for line in plan.splitlines() if "Seq Scan on" in line]
            assert set(read) <= SMALL, f"{name}\n{plan}"


def test_what_is_held_back_is_leapt_over(tmp_path: Path) -> None:
    """lock_ready takes as long for ten thousand tasks of a paused job as for a thousand."""
    counts = []
    for size in (1000, 10_000):
        url = f"sqlite:///{tmp_path}/{size}.db"
        sql.upgrade(url)
        store = sql.open_store(url, threads=1)
        submit(store, [()] * size, of_job={"desired": Desired.PAUSE}, of_all={"priority": 90})
        asked = Asked(store)
        assert [task.job_seq for task in store.write(lambda tx: tx.lock_ready(ROUTE, 1, ORG))] == [asked.job.seq]
        counts.append(steps_of(url, asked)["lock_ready"])
        store.write(
            lambda tx: tx.save_tasks([replace(t, state=TaskState.QUEUED) for t in tx.lock_ready(ROUTE, 9, ORG)])
        )
        store.close()
    assert counts[1] <= counts[0] * 1.1
