"""What is computed for pictures: pieces of bars, steps of a graph in words, lanes of a timeline."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ports.records import TaskView
from app.services.query import GraphView
from app.ui import lanes, outline, shares
from app.wire.states import JobState, RunState, TaskState
from app.wire.usage import Usage
from tests.conformance.values import NOW_US, job, run, task
from tests.replacing import replace

SECOND = 1_000_000


@given(st.dictionaries(st.sampled_from(list(TaskState)), st.integers(0, 1000)))
def test_pieces_fill_the_bar(counts: dict[TaskState, int]) -> None:
    pieces = shares.pieces(counts)
    assert sum(count for _, count, _, _ in pieces) == sum(counts.values())
    for (_, _, at, width), (_, _, start, _) in pairwise(pieces):
        assert abs(at + width - start) < 0.01
    if pieces:
        assert abs(pieces[-1][2] + pieces[-1][3] - 100) < 0.01


def test_time_left_is_a_range_once_enough_is_known() -> None:
    plain = job(1, state=JobState.RUNNING, started_at_us=NOW_US - 10 * SECOND)
    some = replace(plain, counts={TaskState.SUCCEEDED: 5, TaskState.WAITING: 5})
    assert shares.left_us(some, NOW_US) == (7_500_000, 15_000_000)
    assert shares.left_us(replace(plain, counts={TaskState.SUCCEEDED: 2, TaskState.WAITING: 8}), NOW_US) is None
    assert shares.left_us(replace(some, state=JobState.SUCCEEDED), NOW_US) is None


@given(st.data())
def test_a_task_lies_below_all_it_needs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    order = data.draw(st.permutations(range(count)))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    drawn = data.draw(st.sets(pairs, max_size=60)) if count > 1 else set()
    edges = [(order[one], order[other]) for one, other in drawn]
    owner = job(1)
    views = [TaskView(task=task(at + 1, owner, at), spec=TaskSpec(name=str(at), executor="x")) for at in range(count)]
    steps = outline.steps(GraphView(tasks=views, edges=edges))
    level = {line.view.task.position: at for at, lines in enumerate(steps) for line in lines}
    assert set(level) == set(range(count))
    assert all(level[header] < level[body] for header, body in edges)
    assert all(steps)


def test_a_graph_that_is_cut_off_has_only_its_own_edges() -> None:
    owner = job(1)
    views = [TaskView(task=task(1, owner, 0), spec=TaskSpec(name="a", executor="x"))]
    [[line]] = outline.steps(GraphView(tasks=views, edges=[(0, 1), (1, 2)]))
    assert line.needs == []


def _run(start_s: float, end_s: float | None, node: str | None = "n", wait_s: float = 0) -> Run:
    begun = NOW_US + int(start_s * SECOND)
    return replace(
        run(task(1, job(1), 0)),
        node_id=node,
        state=RunState.RUNNING if end_s is None else RunState.SUCCEEDED,
        created_at_us=begun - int(wait_s * SECOND),
        claimed_at_us=begun if node else None,
        started_at_us=begun if node else None,
        finished_at_us=None if end_s is None else NOW_US + int(end_s * SECOND),
    )


def test_runs_lie_in_the_lanes_of_their_nodes_without_overlap() -> None:
    runs = [_run(0, 4), _run(1, 2), _run(2, 3), _run(5, None), _run(0, 1, "m", wait_s=1), _run(6, None, None)]
    now_us = NOW_US + 9 * SECOND
    span = lanes.whole(runs, now_us)
    assert (span.from_us, span.to_us) == (NOW_US - SECOND, now_us)
    found = lanes.lanes(runs, {"n": "b", "m": "a"}, span, now_us)
    assert [(lane.name, lane.rows) for lane in found] == [("a", 1), ("b", 2), ("not taken yet", 1)]
    assert [bar.row for bar in found[1].bars] == [0, 1, 1, 0]
    waiting = found[0].bars[0]
    assert (waiting.waits, waiting.starts, waiting.ends) == (0.0, 0.1, 0.2)
    assert found[1].bars[-1].ends == 1.0


def test_what_a_run_with_outputs_takes_after_its_program_is_storing_them() -> None:
    took = replace(_run(0, 4), usage=Usage(wall_s=3.0), task_id="t")
    span = lanes.Span(from_us=NOW_US, to_us=NOW_US + 4 * SECOND)
    for storing, keeps in ((("t",), 0.75), ((), 1.0)):
        [lane] = lanes.lanes([took], {}, span, NOW_US, storing)
        assert (lane.bars[0].runs, lane.bars[0].keeps, lane.bars[0].ends) == (0.0, keeps, 1.0)
    assert lanes.program_ended_us(_run(0, None)) is None


def test_what_lies_outside_of_the_time_shown_is_left_out() -> None:
    runs = [_run(0, 1), _run(5, 6), _run(8, None)]
    span = lanes.Span(from_us=NOW_US + 4 * SECOND, to_us=NOW_US + 7 * SECOND)
    [lane] = lanes.lanes(runs, {}, span, NOW_US + 9 * SECOND)
    assert len(lane.bars) == 1
    assert [at for _, at in lanes.ticks(span)] == [0, 500_000, 1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000]
