"""Rows are saved by what changed of them, many at once: whatever changed, what is read is what was saved."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.run import Run
from app.domain.task import Task
from app.ports.store import Store, Writer
from app.wire.report import Failure
from app.wire.states import RunState, TaskState
from app.wire.usage import Usage
from tests.conformance.values import ROUTE, new_id, run, submit
from tests.replacing import replace

COUNT = 6
WIDE = 1 << 60
TEXTS = st.sampled_from(["", "plain", 'quo"te', "ünïcode \u2028", "\\u0041", "line\nline", "{}"])
FAILURES = st.none() | st.builds(Failure, code=TEXTS, message=TEXTS)
TIMES = st.none() | st.integers(0, WIDE)

TASK_CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(list(TaskState)),
    "route": st.sampled_from([ROUTE, ROUTE + "0"]),
    "priority": st.integers(0, 100),
    "height": st.integers(0, WIDE),
    "attempts": st.integers(0, 100),
    "runs": st.integers(0, 100),
    "crashes": st.integers(0, 3),
    "run_id": st.none() | st.just(new_id()),
    "due_at_us": st.integers(0, WIDE),
    "cancel": st.booleans(),
    "started_at_us": TIMES,
    "finished_at_us": TIMES,
    "failure": FAILURES,
}
RUN_CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "state": st.sampled_from(list(RunState)),
    "node_id": st.none() | TEXTS,
    "claim_id": st.none() | TEXTS,
    "offered_at_us": st.integers(0, WIDE),
    "claimed_at_us": TIMES,
    "started_at_us": TIMES,
    "finished_at_us": TIMES,
    "progress": st.floats(0, 1),
    "status_text": st.none() | TEXTS,
    "exit_code": st.none() | st.integers(-128, 255),
    "signal": st.none() | st.integers(1, 64),
    "failure": FAILURES,
    "result": st.none() | TEXTS | st.floats(-1e9, 1e9) | st.lists(st.integers(0, 9), max_size=2),
    "usage": st.none() | st.builds(Usage, wall_s=st.floats(0, 1e6), peak_rss_bytes=st.integers(0, WIDE)),
    "sequence": st.integers(0, WIDE),
}


def batches(changes: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[int, dict[str, Any]]]]:
    """Some rows by their place, each with what is new; rows of a batch often change in the same fields."""
    fields = st.sets(st.sampled_from(sorted(changes)), min_size=1, max_size=4)

    def of(names: set[str]) -> st.SearchStrategy[dict[int, dict[str, Any]]]:
        one = st.fixed_dictionaries({name: changes[name] for name in sorted(names)})
        return st.dictionaries(st.integers(0, COUNT - 1), one, min_size=1)

    return st.lists(fields.flatmap(of), min_size=1, max_size=4)


@given(batches(TASK_CHANGES), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tasks_are_what_was_saved_of_them(
    store: Store, saved: list[dict[int, dict[str, Any]]], read_first: bool
) -> None:
    _, tasks = submit(store, [()] * COUNT)

    def work(tx: Writer) -> list[Task]:
        now = tx.lock_tasks([task.seq for task in tasks]) if read_first else list(tasks)
        for batch in saved:
            for at, changes in batch.items():
                now[at] = replace(now[at], **changes)
            tx.save_tasks([now[at] for at in batch])
        return now

    now = store.write(work)
    assert store.write(lambda tx: tx.lock_tasks([task.seq for task in tasks])) == now


@given(batches(RUN_CHANGES), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_runs_are_what_was_saved_of_them(
    store: Store, saved: list[dict[int, dict[str, Any]]], read_first: bool
) -> None:
    _, tasks = submit(store, [()] * COUNT)
    runs = [run(task) for task in tasks]

    def work(tx: Writer) -> dict[str, Run]:
        tx.insert_runs(runs)
        ids = [one.id for one in runs]
        now = {one.id: one for one in (tx.lock_runs(ids) if read_first else runs)}
        for batch in saved:
            for at, changes in batch.items():
                now[ids[at]] = replace(now[ids[at]], **changes)
            tx.save_runs([now[ids[at]] for at in batch])
        return now

    now = store.write(work)
    assert {one.id: one for one in store.write(lambda tx: tx.lock_runs(list(now)))} == now


def test_text_that_json_would_cut_is_saved_whole(store: Store) -> None:
    """SQLite's JSON ends at U+0000, and PostgreSQL has no such text: it has a mark in its place."""
    _, tasks = submit(store, [()] * 3)
    runs = [run(task) for task in tasks]
    said = ["a\0b", "c", "d\0"]
    store.write(lambda tx: tx.insert_runs(runs))
    store.write(
        lambda tx: tx.save_runs(
            [replace(one, status_text=text) for one, text in zip(tx.lock_runs([r.id for r in runs]), said, strict=True)]
        )
    )
    found = sorted(one.status_text or "" for one in store.write(lambda tx: tx.lock_runs([r.id for r in runs])))
    assert [text.replace("\ufffd", "\0") for text in found] == sorted(said)
