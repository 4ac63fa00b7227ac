"""What every store promises of logs beyond the order of arrival: places without gaps, each line once however it comes,
stretches, conditions, both directions, and bounded looking.
"""

import random
from collections.abc import Sequence

import pytest

from app.adapters.sql import log_pack
from app.ports.logs import LinesFound, LinesWanted
from app.ports.records import StoredLine
from app.ports.store import Store
from app.wire.report import LogLine
from tests.conformance.values import NOW_US, start, submit
from tests.replacing import replace

RUN = "r1"


def line(number: int, text: str = "", *, run: str = RUN, stream: str = "stdout", level: str = "info") -> StoredLine:
    said = LogLine(line=number, at_us=NOW_US + number, stream=stream, level=level, text=text or f"line {number}")
    return StoredLine(seq=0, job_seq=1, task_seq=1, task_id="t1", run_id=run, line=said)


def add(store: Store, *lines: StoredLine) -> None:
    store.write(lambda tx: tx.add_lines(lines))


def found(store: Store, **wanted: object) -> list[int]:
    """Places."""
    asked = LinesWanted(**{"run_id": RUN, "limit": 10_000, **wanted})  # type: ignore[arg-type]
    return [one.place for one in store.read(lambda tx: tx.find_lines(asked)).lines]


def looked(store: Store, wanted: LinesWanted) -> LinesFound:
    return store.read(lambda tx: tx.find_lines(wanted))


def walked(store: Store, wanted: LinesWanted) -> list[StoredLine]:
    """All of it, going on where each answer says."""
    out: list[StoredLine] = []
    for _ in range(10_000):
        some = looked(store, wanted)
        out += some.lines
        if some.looked is None:
            return out
        wanted = replace(wanted, after=some.looked)
    raise AssertionError("it does not end")


def numbers(lines: Sequence[StoredLine]) -> list[int]:
    return [one.line.line for one in lines]


@pytest.mark.parametrize("seed", range(4))
def test_each_line_is_kept_once_however_it_comes(store: Store, seed: int) -> None:
    """Batches that repeat, overlap and come in any order; of each line the first one stays, places have no gaps."""
    chance = random.Random(seed)
    first: dict[int, str] = {}
    for turn in range(25):
        low = chance.randint(1, 900)
        batch = [line(number, f"{number} in {turn}") for number in range(low, low + chance.randint(1, 400))]
        for one in batch:
            first.setdefault(one.line.line, one.line.text)
        add(store, *batch)
    kept = walked(store, LinesWanted(run_id=RUN, limit=100))
    assert sorted(numbers(kept)) == sorted(first)
    assert {one.line.line: one.line.text for one in kept} == first
    assert [one.place for one in kept] == list(range(1, len(first) + 1))
    assert store.read(lambda tx: tx.log_length(RUN)) == len(first)


def test_lines_without_a_number_are_all_kept(store: Store) -> None:
    add(store, line(1), line(0, "told"), line(0, "told"), line(2), line(0, "told"))
    add(store, line(0, "told"), line(2), line(3))
    kept = store.read(lambda tx: tx.find_lines(LinesWanted(run_id=RUN, limit=10))).lines
    assert numbers(kept) == [1, 0, 0, 2, 0, 0, 3]
    assert [one.place for one in kept] == [1, 2, 3, 4, 5, 6, 7]


def test_a_stretch_by_places(store: Store) -> None:
    add(store, *map(line, range(1, 1001)))
    assert found(store, first=300, last=310) == list(range(300, 311))
    assert found(store, first=255, last=258) == [255, 256, 257, 258]
    assert found(store, first=990) == list(range(990, 1001))
    assert found(store, first=990, limit=3) == [990, 991, 992]
    assert found(store, last=2) == [1, 2]
    assert found(store, first=1001) == found(store, first=5, last=4) == found(store, run_id="other") == []


def test_the_end_comes_backwards(store: Store) -> None:
    add(store, *map(line, range(1, 601)))
    assert found(store, newest_first=True, limit=3) == [600, 599, 598]
    assert found(store, newest_first=True, last=257, limit=3) == [257, 256, 255]
    backwards = walked(store, LinesWanted(run_id=RUN, newest_first=True, limit=7))
    assert [one.place for one in backwards] == list(range(600, 0, -1))
    of_job = walked(store, LinesWanted(job_seq=1, newest_first=True, limit=100))
    assert [one.place for one in of_job] == list(range(600, 0, -1))


def test_conditions(store: Store) -> None:
    add(
        store,
        line(1, "Zwölf Äpfel", level="debug"),
        line(2, 'a "quoted" \\ word\t', stream="stderr"),
        line(3, "twelve apples", level="warning"),
        line(4, "it broke", stream="system", level="error"),
        line(5, "[1,2]", stream="elsewhere", level="loud"),
    )
    assert found(store, level="info") == [2, 3, 4, 5]
    assert found(store, level="warning") == [3, 4]
    assert found(store, streams=frozenset({"stderr", "system"})) == [2, 4, 5]
    assert found(store, streams=frozenset({"stdout"}), level="warning") == [3]
    assert found(store, text="ÄPFEL") == [1]
    assert found(store, text="ÄPFEL", match_case=True) == []
    assert found(store, text="Äpfel", match_case=True) == [1]
    assert found(store, text='"quoted" \\ w') == [2]
    assert found(store, text="APPLES", first=4) == []
    assert found(store, text='","') == []
    assert found(store, text="stdout") == []


def test_a_search_looks_at_so_much_and_says_where_to_go_on(store: Store) -> None:
    add(store, *[line(number, "needle" if number % 400 == 0 else "hay") for number in range(1, 2001)])
    wanted = LinesWanted(run_id=RUN, text="needle", limit=10, look_at=300)
    first = looked(store, wanted)
    assert len(first.lines) <= 2
    assert first.looked is not None
    assert [one.place for one in walked(store, wanted)] == [400, 800, 1200, 1600, 2000]
    backwards = walked(store, replace(wanted, newest_first=True))
    assert [one.place for one in backwards] == [2000, 1600, 1200, 800, 400]
    nothing = replace(wanted, text="nowhere")
    assert walked(store, nothing) == []


def test_runs_of_one_job_stay_apart(store: Store) -> None:
    for turn in range(3):
        batch = [line(3 * turn + at, run=f"r{run}") for at in (1, 2, 3) for run in (1, 2)]
        add(store, *batch)
    for run in ("r1", "r2"):
        assert found(store, run_id=run) == list(range(1, 10))
    of_task = walked(store, LinesWanted(task_seq=1, limit=4))
    assert len(of_task) == len({(one.run_id, one.place) for one in of_task}) == 18
    assert [one.seq for one in of_task] == sorted({one.seq for one in of_task})


def test_bytes_are_counted_as_they_are_added(store: Store) -> None:
    add(store, line(1, "zwölf"), line(2, "", stream="stderr"), line(3, "x", stream="system"))
    add(store, line(3, "again", stream="system"), line(4, "four"))
    expected = {(RUN, "stdout"): 12, (RUN, "stderr"): 7, (RUN, "system"): 2}
    assert dict(store.read(lambda tx: tx.said_bytes([RUN, "none"]))) == expected


def test_a_log_goes_with_its_job(store: Store) -> None:
    job, (task,) = submit(store)
    run = start(store, task)
    mine = replace(line(1), job_seq=job.seq, task_seq=task.seq, run_id=run.id)
    add(store, mine, replace(line(1), job_seq=job.seq + 1))
    store.write(lambda tx: tx.delete_job(job.seq))
    assert store.read(lambda tx: (tx.log_length(run.id), dict(tx.said_bytes([run.id])))) == (0, {})
    assert (found(store, run_id=run.id), found(store)) == ([], [1])


def test_rows_are_bounded() -> None:
    long = [line(number, "x" * 16_384).line for number in range(1, 21)]
    assert all(sum(len(one.text) for one in part) <= 6 * 16_384 for part in log_pack.cut(long))
    short = [line(number, "x").line for number in range(1, 1001)]
    assert [len(part) for part in log_pack.cut(short)] == [256, 256, 256, 232]
    assert list(log_pack.cut([])) == []
