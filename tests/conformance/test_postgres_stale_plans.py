"""A plan that PostgreSQL made while the tables were empty, and keeps, is as good when they are full.

A connection plans each of its statements once, often before the first job came, and statistics of a queue are wrong
most of the time: they say that nothing is ready when they were taken between two jobs. Those of a busy moment are no
better: LIMIT by a parameter is taken for a tenth of all that is ready.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import make_url

from app.adapters import sql
from app.adapters.sql.postgres import PLANNED, postgres_engine
from app.wire.states import TaskState
from tests.conformance import test_store_live_plans, test_store_plans
from tests.conformance.test_store_plans import LISTED, Asked, Question, transaction
from tests.conformance.values import submit

QUESTIONS: dict[str, Question] = {**test_store_plans.QUESTIONS, **test_store_live_plans.QUESTIONS}
LISTS = {
    "end of a job's log",
    "ended_jobs",
    "errors of a job",
    "event_before of a job",
    "failed_with",
    "find_tasks",
    "find_tasks further on",
    "job_counts",
    "jobs in a state",
    "lines of a job",
    "oldest_waiting",
    "queue_counts",
    "tasks by number",
    "work",
}
"""Asked where nothing is written, and so planned each time."""

ALLOWED = {"lock_ready": (1500, 20_000), "ready_routes": (60, 500), "work": (500, 6000)}
"""Blocks, and rows thrown away, more than three times those of the young store. What is held back is walked through by
these, and in an unlucky plan by the index of what has not ended; else a few rows' more, or all of a table of 500 rows.
"""

Read = tuple[int, int]
"""Blocks that were read, and rows that were thrown away."""


class Watching:
    """A connection that tells what each statement of a question read: blocks, and rows that were thrown away."""

    def __init__(self, url: str) -> None:
        self._engine = postgres_engine(make_url(url).render_as_string(False), sql.Pool(size=1))
        self.connection = self._engine.raw_connection()
        self.plans: list[Mapping[str, Any]] = []
        driver: Any = self.connection.driver_connection
        driver.add_notice_handler(self._note)
        driver.execute("LOAD 'auto_explain'")
        for name, value in {
            "client_min_messages": "log",
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_analyze": "on",
            "auto_explain.log_buffers": "on",
            "auto_explain.log_timing": "off",
            "auto_explain.log_format": "json",
        }.items():
            driver.execute(f"SET {name} = {value}")

    def _note(self, notice: Any) -> None:
        if "plan:" in notice.message_primary:
            self.plans.append(json.loads(notice.message_primary.partition("plan:")[2]))

    def reads(self, asked: Asked, name: str) -> Read:
        with transaction(self.connection, self.connection.cursor(), "postgresql") as writer:
            if name in LISTS:
                self.connection.cursor().execute(PLANNED)
            self.plans.clear()
            QUESTIONS[name](asked, writer)
        blocks = sum(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] for plan in self.plans)
        thrown = sum(_thrown_away(plan["Plan"]) for plan in self.plans)
        return blocks, thrown

    def close(self) -> None:
        self.connection.close()
        self._engine.dispose()


def _thrown_away(step: Mapping[str, Any]) -> int:
    own = sum(int(step.get(f"Rows Removed by {why}", 0)) for why in ("Filter", "Join Filter", "Index Recheck"))
    return own * int(step["Actual Loops"]) + sum(_thrown_away(below) for below in step.get("Plans", ()))


@pytest.fixture
def watching(postgres_url: str) -> Iterator[Watching]:
    sql.upgrade(postgres_url)
    made = Watching(postgres_url)
    made.connection.cursor().execute("ANALYZE")
    yield made
    made.close()


@pytest.mark.parametrize("idle", [1, 40])
def test_plans_are_good_whenever_they_were_made(watching: Watching, postgres_url: str, idle: int) -> None:
    """`idle` is how many tasks the jobs have that ended before: 1 is an empty store, as far as statistics say."""
    store = sql.open_store(postgres_url, threads=1)
    for _ in range(LISTED):
        submit(store, [()] * idle, of_all={"state": TaskState.SUCCEEDED})
    if idle > 1:
        watching.connection.cursor().execute("ANALYZE")
    asked = test_store_live_plans.live(store)
    young = {name: watching.reads(asked, name) for name in QUESTIONS}
    test_store_plans.live_long(store)
    test_store_live_plans.live_long(store)
    kept = dear(watching, asked, young, [name for name in QUESTIONS if name not in LISTS])
    watching.connection.cursor().execute("ANALYZE")
    anew = dear(watching, asked, young, QUESTIONS)
    store.close()
    assert not kept, json.dumps(kept, indent=1)
    assert not anew, json.dumps(anew, indent=1)


def dear(watching: Watching, asked: Asked, young: Mapping[str, Read], names: Iterable[str]) -> Mapping[str, Any]:
    found = {}
    for name in names:
        blocks, thrown = watching.reads(asked, name)
        more_blocks, more_thrown = ALLOWED.get(name, (60, 500))
        if blocks > young[name][0] * 3 + more_blocks or thrown > young[name][1] * 3 + more_thrown:
            found[name] = {"young": young[name], "old": (blocks, thrown), "plans": list(watching.plans)}
    return found
