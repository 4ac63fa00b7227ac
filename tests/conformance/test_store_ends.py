"""Jobs by their end, a job that goes piece by piece, and whether somebody still needs what a job left behind."""

from dataclasses import replace

import pytest

from app.ports.records import Page
from app.ports.store import Store
from app.wire.states import JobState, RunState, TaskState
from tests.conformance.test_store_assets import asset, put
from tests.conformance.values import ORG, start, submit

ALL = Page(limit=1000)
FIRST, LAST = (-1, -1), (1 << 62, 0)


def ended(store: Store, at_us: int, **changed: object) -> int:
    job, _ = submit(
        store,
        of_job={"state": JobState.SUCCEEDED, "finished_at_us": at_us, **changed},
        of_all={"state": TaskState.SUCCEEDED},
    )
    return job.seq


def test_ended_jobs_come_oldest_first_and_the_newest_are_counted_off(store: Store) -> None:
    late, early, middle = ended(store, 30), ended(store, 10), ended(store, 20)
    same = ended(store, 20)
    ended(store, 5, org_id="org-2")
    ended(store, 6, removed=True)
    submit(store)
    seqs = [job.seq for job in store.read(lambda tx: tx.ended_jobs(ORG, FIRST, LAST, 9))]
    assert seqs == [early, middle, same, late]
    some = store.read(lambda tx: tx.ended_jobs(ORG, (10, early), (20, same), 9))
    assert [job.seq for job in some] == [middle, same]
    assert [job.seq for job in store.read(lambda tx: tx.ended_jobs(ORG, FIRST, LAST, 1))] == [early]
    assert [store.read(lambda tx, skip=skip: tx.end_of(ORG, skip)) for skip in (0, 1, 3, 4)] == [  # type: ignore[misc]
        (30, late),
        (20, same),
        (10, early),
        None,
    ]


@pytest.mark.parametrize("most", [1, 3, 50])
def test_a_job_goes_piece_by_piece_and_takes_nothing_else(store: Store, most: int) -> None:
    other, _ = submit(store, [(), (0,)])
    gone, tasks = submit(store, [(), *[(0,)] * 20, range(1, 21)], of_job={"state": JobState.FAILED})
    for task in tasks[:5]:
        start(store, task, state=RunState.SUCCEEDED, node_id="n")
    pieces = 1
    while not store.write(lambda tx: tx.delete_some(gone.seq, most)):
        pieces += 1
        assert pieces < 500
    assert store.read(lambda tx: (tx.job(gone.id), tx.tasks(gone.seq, ALL), tx.runs(gone.seq, ALL))) == (None, [], [])
    assert store.read(lambda tx: (tx.edges(gone.seq), tx.edges(other.seq))) == ([], [(0, 1)])
    seqs = [task.seq for task in tasks]
    assert store.write(lambda tx: (tx.chord_states(seqs), tx.specs(seqs))) == ([], {})
    assert store.write(lambda tx: tx.delete_some(gone.seq, most))


def test_a_piece_is_no_larger_than_was_asked_for(sql_store: Store) -> None:
    """A root that a thousand tasks need has a thousand parts, and they go bit by bit, too."""
    gone, tasks = submit(sql_store, [(), *[(0,)] * 1000], of_all={"state": TaskState.SUCCEEDED})
    pieces = 1
    while not sql_store.write(lambda tx: tx.delete_some(gone.seq, 100)):
        pieces += 1
        left = sql_store.read(lambda tx: len(tx.tasks(gone.seq, ALL)))
        assert left >= len(tasks) - 100 * pieces
    assert pieces >= (1000 + len(tasks)) // 100


def test_a_job_that_runs_again_is_not_among_the_ended(store: Store) -> None:
    job, _ = submit(store, of_job={"state": JobState.SUCCEEDED, "finished_at_us": 10})
    store.write(lambda tx: tx.save_jobs([replace(job, state=JobState.RUNNING, finished_at_us=None)]))
    assert store.read(lambda tx: tx.ended_jobs(ORG, FIRST, LAST, 9)) == []


def test_who_gives_inputs_to_an_unfinished_job_is_known(store: Store) -> None:
    giver, _ = submit(store, of_job={"state": JobState.SUCCEEDED, "finished_at_us": 10})
    other, _ = submit(store, of_job={"state": JobState.SUCCEEDED, "finished_at_us": 10})
    user, _ = submit(store)
    put(store, asset(1, job_seq=giver.seq), asset(2, job_seq=other.seq))
    store.write(lambda tx: tx.use_assets(user.seq, [1]))
    assert store.read(lambda tx: (tx.gives_inputs(giver.seq), tx.gives_inputs(other.seq))) == (True, False)
    store.write(lambda tx: tx.save_jobs([replace(user, state=JobState.CANCELED)]))
    assert not store.read(lambda tx: tx.gives_inputs(giver.seq))


def test_runs_in_flight_are_counted_by_whose_they_are(store: Store) -> None:
    _, (first, second) = submit(store, [(), ()])
    _, (third,) = submit(store, of_job={"org_id": "org-2"})
    start(store, first)
    start(store, second, state=RunState.RUNNING, node_id="n")
    start(store, third, state=RunState.RUNNING, node_id="n")
    _, (ended,) = submit(store)
    start(store, ended, state=RunState.SUCCEEDED, node_id="n")
    counts = {(org_id, route): count for org_id, route, count in store.read(lambda tx: tx.in_flight())}
    assert counts == {(ORG, first.route): 2, ("org-2", third.route): 1}


def test_ready_tasks_are_taken_by_organization(store: Store) -> None:
    _, (low, high) = submit(store, [(), ()], of_tasks={1: {"priority": 70}})
    _, (other,) = submit(store, of_job={"org_id": "org-2"})
    assert store.write(lambda tx: tx.ready_orgs(low.route)) == [(ORG, 70), ("org-2", 50)]
    assert store.write(lambda tx: [task.seq for task in tx.lock_ready(low.route, 9, ORG)]) == [high.seq, low.seq]
    assert store.write(lambda tx: [task.seq for task in tx.lock_ready(low.route, 9, "org-2")]) == [other.seq]
    assert store.write(lambda tx: (tx.lock_ready(low.route, 9, "nobody"), tx.ready_orgs("x"))) == ([], [])
