"""Runs, offers and chords: what every store promises."""

import pytest

from app.domain.chords import Count, RunWhen
from app.domain.job import Desired, Job
from app.domain.run import Run
from app.ports.records import ChordState, LiteralChord, Page, Part
from app.ports.store import Store
from app.wire.report import Failure
from app.wire.states import JobState, RunState, TaskState
from app.wire.usage import Usage
from tests.conformance.values import NOW_US, ORG, ROUTE, new_id, run, same, start, submit, unset
from tests.replacing import replace

ALL = Page(limit=1000)
FAR_US = 1 << 60


def positions(store: Store, route: str = ROUTE, limit: int = 99) -> list[tuple[int, int]]:
    return [(task.job_seq, task.position) for task in store.write(lambda tx: tx.lock_ready(route, limit, ORG))]


def test_a_run_comes_back_whole(store: Store) -> None:
    _, (task,) = submit(store)
    wanted = run(
        task,
        number=4,
        fence=5,
        map_index=0,
        state=RunState.OUT_OF_MEMORY,
        node_id=new_id(),
        claim_id="handoff:1:2",
        offered_at_us=NOW_US + 1,
        claimed_at_us=NOW_US + 1,
        started_at_us=NOW_US + 2,
        finished_at_us=NOW_US + 3,
        progress=0.1 + 0.2,
        status_text="ünder way",
        exit_code=-9,
        signal=9,
        failure=Failure(code="out_of_memory", message="peak 3"),
        result=[{"a": None}],
        usage=Usage(wall_s=0.1, cpu_user_s=1e-9, peak_rss_bytes=1 << 50, max_processes=3),
        sequence=12,
        follows=new_id(),
    )
    plain = run(task, number=5, fence=5, map_index=0)
    assert not unset(wanted)
    store.write(lambda tx: tx.insert_runs([wanted, plain]))
    assert store.read(lambda tx: tx.run(wanted.id)) == wanted
    assert store.write(lambda tx: tx.lock_runs([plain.id, wanted.id, new_id(), plain.id])) == sorted(
        [wanted, plain], key=lambda one: one.id
    )
    changed = replace(wanted, id=plain.id, number=5, follows=None)
    fixed = {"id", "task_seq", "job_seq", "task_id", "job_id", "map_index", "number", "fence", "route", "follows"}
    assert same(changed, plain) == fixed | {"created_at_us"}
    store.write(lambda tx: tx.save_runs([changed]))
    assert store.read(lambda tx: tx.run(plain.id)) == changed
    assert store.read(lambda tx: tx.run(new_id())) is None


def test_runs_are_listed_by_task_then_map_index_then_number(store: Store) -> None:
    owner, tasks = submit(store, [(), ()])
    runs = [
        run(tasks[0], 1),
        run(tasks[0], 2),
        run(tasks[0], 1, map_index=0),
        run(tasks[0], 1, map_index=1),
        run(tasks[1], 1),
    ]
    store.write(lambda tx: tx.insert_runs(runs[::-1]))
    assert store.read(lambda tx: tx.runs(owner.seq, ALL)) == runs
    assert store.read(lambda tx: tx.runs(owner.seq, Page(limit=2))) == runs[:2]
    assert store.read(lambda tx: tx.runs(owner.seq, Page(limit=2, after=(tasks[0].seq, -1, 2)))) == runs[2:4]
    assert store.read(lambda tx: tx.runs(owner.seq, ALL, task_seq=tasks[1].seq)) == runs[4:]
    page = Page(limit=2, after=(tasks[0].seq, -1, 1))
    assert store.read(lambda tx: tx.runs(owner.seq, page, task_seq=tasks[0].seq)) == runs[1:3]


def test_who_holds_what(store: Store) -> None:
    _, tasks = submit(store, [()] * 4)
    mine, other = new_id(), new_id()
    held = [start(store, task, state=RunState.RUNNING, node_id=mine, claim_id=f"c{n}") for n, task in enumerate(tasks)]
    store.write(lambda tx: tx.save_runs([replace(held[3], state=RunState.LOST), replace(held[2], node_id=other)]))
    first, second = sorted(held[:2], key=lambda one: one.id)
    assert store.read(lambda tx: tx.held([mine])) == [first, second]
    assert len(store.read(lambda tx: tx.held([mine, other, new_id()]))) == 3
    assert store.read(lambda tx: tx.held([])) == []
    assert store.write(lambda tx: tx.runs_of_claim(mine, "c1")) == [held[1]]
    assert store.write(lambda tx: tx.runs_of_claim(mine, "c3") + tx.runs_of_claim(other, "c1")) == []
    assert store.read(lambda tx: tx.unwanted(mine)) == []
    store.write(lambda tx: tx.save_tasks([replace(task, cancel=True) for task in tx.lock_tasks([tasks[0].seq])]))
    assert store.read(lambda tx: tx.unwanted(mine)) == [held[0].id]
    assert store.read(lambda tx: tx.unwanted(other)) == []


def test_what_is_out(store: Store) -> None:
    _, tasks = submit(store, [()] * 4, of_tasks={3: {"route": "b/route"}})
    runs = [start(store, task, offered_at_us=NOW_US - n) for n, task in enumerate(tasks)]
    claimed = start(store, tasks[0], state=RunState.RUNNING, offered_at_us=NOW_US - 9)
    assert store.write(lambda tx: tx.queued_routes()) == [ROUTE, "b/route"]
    assert store.write(lambda tx: tx.queued_counts([ROUTE, "b/route", "c/route"])) == {ROUTE: 3, "b/route": 1}
    assert store.write(lambda tx: tx.queued_counts([])) == {}
    assert store.write(lambda tx: tx.stale_offers(NOW_US, 9)) == [runs[3], runs[2], runs[1]]
    assert store.write(lambda tx: tx.stale_offers(NOW_US, 2)) == [runs[3], runs[2]]
    assert store.write(lambda tx: tx.lock_queued(ROUTE, NOW_US, 9)) == [runs[2], runs[1]]
    assert store.write(lambda tx: tx.lock_queued(ROUTE, NOW_US + 1, 1)) == [runs[2]]
    store.write(lambda tx: tx.save_runs([replace(one, state=RunState.CANCELED) for one in [*runs, claimed]]))
    assert store.write(lambda tx: (tx.queued_routes(), tx.stale_offers(FAR_US, 9))) == ([], [])


def test_release_order(store: Store) -> None:
    first, _ = submit(store, [()] * 4, of_tasks={1: {"height": 2}, 2: {"priority": 60}, 3: {"priority": 40}})
    second, _ = submit(store, [()] * 2, of_tasks={0: {"height": 9}, 1: {"priority": 60}})
    assert positions(store) == [
        (first.seq, 2),
        (second.seq, 1),
        (first.seq, 1),
        (first.seq, 0),
        (second.seq, 0),
        (first.seq, 3),
    ]
    assert len(positions(store, limit=2)) == 2
    assert positions(store, "another") == []


def test_only_what_may_go_is_ready(store: Store) -> None:
    now_us = store.read(lambda tx: tx.now_us)
    wanted, tasks = submit(
        store,
        [(), (), (), (), ()],
        of_tasks={
            0: {"due_at_us": FAR_US},
            1: {"due_at_us": now_us - 10**9},
            2: {"state": TaskState.QUEUED},
            3: {"route": "later", "due_at_us": FAR_US},
        },
    )
    submit(store, of_job={"desired": Desired.PAUSE}, of_all={"priority": 90, "route": "paused"})
    submit(store, of_job={"desired": Desired.CANCEL}, of_all={"priority": 90})
    assert positions(store) == [(wanted.seq, 1), (wanted.seq, 4)]
    assert store.write(lambda tx: tx.ready_routes()) == [ROUTE]
    store.write(lambda tx: tx.save_tasks([replace(tasks[1], state=TaskState.QUEUED)]))
    assert positions(store) == [(wanted.seq, 4)]


@pytest.mark.parametrize("blocked", [{"desired": Desired.PAUSE}, {"desired": Desired.CANCEL}, {}])
def test_what_is_held_back_does_not_hide_what_may_go(store: Store, blocked: dict[str, Desired]) -> None:
    """More than a window of entries, and more than a page of jobs, come first in order and may not go."""
    later = {"due_at_us": 0 if blocked else FAR_US, "priority": 90}
    submit(store, [()] * 500, of_job=blocked, of_all=later)
    for _ in range(20):
        submit(store, [()], of_job=blocked, of_all=later)
    wanted, _ = submit(store, [()] * 70)
    last, _ = submit(store, [()] * 2, of_all={"priority": 1})
    submit(store, of_job=blocked, of_all=later | {"priority": 0})
    ours = [(wanted.seq, position) for position in range(70)]
    assert positions(store, limit=1) == ours[:1]
    assert positions(store, limit=64) == ours[:64]
    assert positions(store) == [*ours, (last.seq, 0), (last.seq, 1)]
    assert store.write(lambda tx: tx.ready_routes()) == [ROUTE]


def test_routes_with_nothing_that_may_go_are_not_ready(store: Store) -> None:
    submit(store, [()] * 3, of_job={"desired": Desired.PAUSE})
    submit(store, [()] * 3, of_all={"due_at_us": FAR_US, "route": "b"})
    submit(store, of_all={"route": "c"})
    assert store.write(lambda tx: tx.ready_routes()) == ["c"]


def states(*found: ChordState) -> list[tuple[int, int, int]]:
    return [(chord.body_seq, chord.count.succeeded, chord.count.unsuccessful) for chord in found]


def test_a_part_counts_once_in_every_chord_that_has_it(store: Store) -> None:
    _, tasks = submit(store, [(), (), (0, 1), (0,), (1, 0)], of_tasks={3: {"run_when": RunWhen.ALL_DONE}})
    first = [Part(header_seq=tasks[0].seq, succeeded=True)]
    seqs = [task.seq for task in tasks]
    changed = store.write(lambda tx: tx.return_parts(first))
    assert states(*changed) == [(seqs[2], 1, 0), (seqs[3], 1, 0), (seqs[4], 1, 0)]
    assert changed[1] == ChordState(body_seq=seqs[3], run_when=RunWhen.ALL_DONE, count=Count(size=1, succeeded=1))
    assert store.write(lambda tx: tx.return_parts(first)) == []
    assert store.write(lambda tx: tx.return_parts([replace(first[0], succeeded=False)])) == []
    both = [Part(header_seq=seqs[1], succeeded=False), *first, Part(header_seq=seqs[3], succeeded=True)]
    assert states(*store.write(lambda tx: tx.return_parts(both))) == [(seqs[2], 1, 1), (seqs[4], 1, 1)]
    assert store.write(lambda tx: tx.return_parts([])) == []
    assert states(*store.write(lambda tx: tx.chord_states([*seqs, 999]))) == [
        (seqs[2], 1, 1),
        (seqs[3], 1, 0),
        (seqs[4], 1, 1),
    ]


def test_a_batch_counts_all_its_parts(store: Store) -> None:
    _, tasks = submit(store, [*[()] * 100, tuple(range(100))])
    parts = [Part(header_seq=task.seq, succeeded=task.position % 4 != 0) for task in tasks[:100]]
    assert states(*store.write(lambda tx: tx.return_parts(parts))) == [(tasks[100].seq, 75, 25)]


def test_parts_taken_back_are_waited_for_anew(store: Store) -> None:
    _, tasks = submit(store, [(), (), (0, 1), (0,)])
    seqs = [task.seq for task in tasks]
    parts = [Part(header_seq=seqs[0], succeeded=False), Part(header_seq=seqs[1], succeeded=True)]
    store.write(lambda tx: tx.return_parts(parts))
    store.write(lambda tx: tx.reopen_parts([seqs[0], seqs[3]]))
    assert states(*store.write(lambda tx: tx.chord_states(seqs))) == [(seqs[2], 1, 0), (seqs[3], 0, 0)]
    again = [Part(header_seq=seqs[0], succeeded=True)]
    assert states(*store.write(lambda tx: tx.return_parts(again))) == [(seqs[2], 2, 0), (seqs[3], 1, 0)]
    store.write(lambda tx: tx.reopen_parts([]))


def test_waiting_tasks_below_are_found_through_their_like_only(store: Store) -> None:
    """0 - 1 - 2 - 3 is a chain; 4 runs always, and shields 5; 6 is no longer waiting; 7 is below two of them."""
    _, tasks = submit(
        store,
        [(), (0,), (1,), (2,), (0,), (4,), (0,), (6, 3), (7, 2, 1)],
        of_tasks={4: {"run_when": RunWhen.ALL_DONE}, 6: {"state": TaskState.CANCELED}},
    )

    def below(*which: int) -> list[int]:
        seqs = [tasks[position].seq for position in which]
        return [task.position for task in store.write(lambda tx: tx.lock_waiting_below(seqs))]

    assert below(0) == [1, 2, 3, 7, 8]
    assert below(4) == [5]
    assert below(6, 3) == [7, 8]
    assert below(8) == below() == []


def test_a_line_ends_where_a_task_has_another_need_or_neighbour(store: Store) -> None:
    """0 - 1 - 2 - 3 - 4 is a line, below which two stand; 7 needs two, 8 has a line of one; 11 runs always."""
    _, tasks = submit(
        store,
        [(), (0,), (1,), (2,), (3,), (4,), (4,), (5, 6), (7,), (8,), (9,), (10,)],
        of_tasks={9: {"state": TaskState.CANCELED}, 11: {"run_when": RunWhen.ALL_DONE}},
    )

    def line(position: int, limit: int = 99) -> list[int]:
        return [task.position for task in store.write(lambda tx: tx.lock_line(tasks[position].seq, limit))]

    assert line(0) == [1, 2, 3, 4]
    assert line(2, limit=1) == [3]
    assert line(4) == line(5) == line(8) == line(10) == line(11) == []
    assert line(7) == [8]
    assert line(9) == [10]
    assert store.write(lambda tx: tx.lock_line(0, 5)) == []
    below = store.write(lambda tx: tx.lock_line(tasks[0].seq, 1))[0]
    store.write(lambda tx: tx.save_tasks([replace(task, priority=3) for task in tx.lock_line(tasks[0].seq, 1)]))
    assert store.write(lambda tx: tx.lock_tasks([below.seq])) == [replace(below, priority=3)]


def test_a_deep_chain_is_found_whole(store: Store) -> None:
    _, tasks = submit(store, [(), *[(position,) for position in range(3000)]])
    assert len(store.write(lambda tx: tx.lock_waiting_below([tasks[0].seq]))) == 3000


def test_a_literal_chord_closes_once_with_its_parts_in_order(store: Store) -> None:
    store.write(lambda tx: tx.open_literal_chord("c", 3, "body"))
    store.write(lambda tx: tx.open_literal_chord("c", 9, "another"))
    assert store.write(lambda tx: tx.return_literal_part("c", 2, True, {"v": 2})) is None
    assert store.write(lambda tx: tx.return_literal_part("c", 2, False, "again")) is None
    assert store.write(lambda tx: tx.return_literal_part("c", 0, True, None)) is None
    closed = store.write(lambda tx: tx.return_literal_part("c", 1, True, [1]))
    assert closed == LiteralChord(body="body", parts=((True, None), (True, [1]), (True, {"v": 2})))
    assert store.write(lambda tx: tx.return_literal_part("c", 1, True, [1])) is None
    store.write(lambda tx: tx.open_literal_chord("c", 3, "body"))
    assert store.write(lambda tx: tx.return_literal_part("c", 0, True, None)) is None
    assert store.write(lambda tx: tx.return_literal_part("unknown", 0, True, None)) is None


def test_a_literal_chord_closes_at_its_first_failure(store: Store) -> None:
    store.write(lambda tx: tx.open_literal_chord("c", 3, "body"))
    store.write(lambda tx: tx.return_literal_part("c", 2, True, 2))
    closed = store.write(lambda tx: tx.return_literal_part("c", 1, False, "why"))
    assert closed == LiteralChord(body="body", parts=((False, "why"), (True, 2)))
    assert store.write(lambda tx: tx.return_literal_part("c", 0, False, "too")) is None


def whole_job(store: Store) -> tuple[Job, list[Run]]:
    owner, tasks = submit(store, [(), (0,), (0, 1)], of_job={"state": JobState.RUNNING})
    return owner, [start(store, task, state=RunState.RUNNING, node_id="n") for task in tasks]


def test_a_deleted_job_leaves_nothing_and_takes_nothing_else(store: Store) -> None:
    other, other_runs = whole_job(store)
    gone, gone_runs = whole_job(store)
    edges = store.read(lambda tx: tx.edges(other.seq))
    store.write(lambda tx: tx.delete_job(gone.seq))
    store.write(lambda tx: tx.delete_job(999))
    assert store.read(lambda tx: (tx.job(gone.id), tx.tasks(gone.seq, ALL), tx.runs(gone.seq, ALL))) == (None, [], [])
    assert store.read(lambda tx: (tx.edges(gone.seq), tx.edges(other.seq))) == ([], edges)
    assert {one.id for one in store.read(lambda tx: tx.held(["n"]))} == {one.id for one in other_runs}
    assert store.read(lambda tx: tx.job(other.id)) == other
    assert positions(store) == [(other.seq, 0)]
    seqs = [one.task_seq for one in gone_runs]
    assert store.write(lambda tx: (tx.chord_states(seqs), tx.specs(seqs), tx.lock_waiting_below(seqs))) == ([], {}, [])
