"""Is what is not a DAG refused in words that help, and is what is a DAG measured right and quickly?"""

import random
import time
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import graph, limits
from app.domain.errors import Invalid


def refused(names: list[str], needs: list[list[str]]) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        graph.build(names, needs)
    return [(problem.pointer, problem.detail) for problem in caught.value.problems]


@st.composite
def dags(draw: st.DrawFn, most: int = 30) -> list[list[int]]:
    """Needs by position of a random DAG whose tasks stand in any order."""
    size = draw(st.integers(0, most))
    order = draw(st.permutations(range(size)))
    needs: list[list[int]] = [[] for _ in range(size)]
    for at, body in enumerate(order):
        if at:
            needs[body] = draw(st.lists(st.sampled_from(order[:at]), unique=True, max_size=6))
    return needs


def build(needs: list[list[int]]) -> graph.Graph:
    return graph.build([str(n) for n in range(len(needs))], [[str(n) for n in row] for row in needs])


def oracle(needs: list[list[int]]) -> "nx.DiGraph[int]":
    below: nx.DiGraph[int] = nx.DiGraph()
    below.add_nodes_from(range(len(needs)))
    below.add_edges_from((header, body) for body, row in enumerate(needs) for header in row)
    return below


def test_names_become_positions_in_the_order_of_the_needs() -> None:
    shape = graph.build(["a", "b", "c"], [["c", "b"], [], ["b"]])
    assert shape.needs == ((2, 1), (), (1,))
    assert shape.order == (1, 2, 0)
    assert shape.heights == (0, 2, 1)


def test_a_job_without_tasks_is_a_dag() -> None:
    assert graph.build([], []) == graph.Graph(needs=(), heights=(), order=())


@given(dags())
def test_order_and_heights_agree_with_networkx(needs: list[list[int]]) -> None:
    shape = build(needs)
    below = oracle(needs)
    assert [list(row) for row in shape.needs] == needs
    assert sorted(shape.order) == list(range(len(needs)))
    place = {position: at for at, position in enumerate(shape.order)}
    assert all(place[header] < place[body] for header, body in below.edges)
    heights = dict.fromkeys(below, 0)
    for position in reversed(list(nx.topological_sort(below))):
        heights[position] = max((heights[body] + 1 for body in below.successors(position)), default=0)
    assert shape.heights == tuple(heights[position] for position in range(len(needs)))


@given(dags(), st.data())
def test_a_cycle_is_refused_and_its_members_are_one(needs: list[list[int]], data: st.DataObject) -> None:
    below = oracle(needs)
    pairs = [(up, down) for up in below for down in nx.descendants(below, up) | {up}]
    if not pairs:
        return
    up, down = data.draw(st.sampled_from(pairs))
    needs[up].append(down)
    problems = refused([str(n) for n in range(len(needs))], [[str(n) for n in row] for row in needs])
    (pointer, detail) = problems[0]
    members = [int(word.strip("' ")) for word in detail.split(": ")[1].split(" ... ")[0].split("->")]
    assert pointer == f"/tasks/{members[0]}/needs"
    assert all(need in needs[task] for task, need in pairwise(members))
    if "in all" not in detail:
        assert members[0] == members[-1]


def test_a_cycle_is_named_with_its_members_and_nothing_else() -> None:
    names = ["a", "b", "c", "above", "below"]
    problems = refused(names, [["c", "above"], ["a"], ["b"], [], ["c"]])
    assert problems == [("/tasks/0/needs", "tasks need each other in a cycle: 'a' -> 'c' -> 'b' -> 'a'")]


def test_a_task_that_needs_itself_is_a_cycle_of_one() -> None:
    assert refused(["a"], [["a"]]) == [("/tasks/0/needs", "tasks need each other in a cycle: 'a' -> 'a'")]


def test_what_only_hangs_below_a_cycle_is_not_blamed() -> None:
    [(pointer, detail)] = refused(["below", "x", "y"], [["x"], ["y"], ["x"]])
    assert pointer == "/tasks/1/needs"
    assert "below" not in detail


def test_every_wrong_name_is_shown_with_its_place() -> None:
    problems = refused(["a", "b", "a", "c"], [["nobody"], ["a", "c", "a"], [], ["x", "x"]])
    assert problems == [
        ("/tasks/2/name", "the name 'a' is already used by task 0; names are unique within a job"),
        ("/tasks/0/needs/0", "there is no task named 'nobody' in this job"),
        ("/tasks/1/needs/2", "'a' is needed twice"),
        ("/tasks/3/needs/0", "there is no task named 'x' in this job"),
        ("/tasks/3/needs/1", "'x' is needed twice"),
    ]


def test_many_problems_are_counted_and_the_first_hundred_shown() -> None:
    with pytest.raises(Invalid) as caught:
        graph.build(["a"] * 500, [[]] * 500)
    assert len(caught.value.problems) == limits.MAX_PROBLEMS
    assert caught.value.total == 499


def test_a_long_name_is_cut_in_the_sentence() -> None:
    [(_, detail)] = refused(["a"], [["n" * 1000]])
    assert len(detail) < 150


@pytest.mark.parametrize(
    ("names", "needs", "words"),
    [
        (["a"] * (limits.MAX_TASKS + 1), [], f"at most {limits.MAX_TASKS}"),
        (["a"], [["a"] * (limits.MAX_NEEDS + 1)], f"at most {limits.MAX_NEEDS}"),
        (["a"] * 26, [["a"] * limits.MAX_NEEDS] * 26, f"at most {limits.MAX_EDGES}"),
    ],
)
def test_limits_are_named(names: list[str], needs: list[list[str]], words: str) -> None:
    assert any(words in detail for _, detail in refused(names, needs))


def test_the_largest_allowed_job_is_checked_within_seconds() -> None:
    chance = random.Random(7)
    size = limits.MAX_TASKS
    names = [f"task-{n}" for n in range(size)]
    needs = [[names[n] for n in {chance.randrange(body) for _ in range(5)}] if body > 5 else [] for body in range(size)]
    began = time.thread_time()
    shape = graph.build(names, needs)
    assert time.thread_time() - began < 20
    assert sum(map(len, shape.needs)) > 490_000


def test_a_cycle_of_fifty_thousand_is_found_and_shown_in_short() -> None:
    size = 50_000
    names = [f"task-{n}" for n in range(size)]
    began = time.thread_time()
    [(_, detail)] = refused(names, [[names[n - 1]] for n in range(size)])
    assert time.thread_time() - began < 20
    assert detail.endswith("... (50000 tasks in all)")
    assert len(detail) < 300


def test_a_chain_as_long_as_allowed_does_not_exhaust_the_stack() -> None:
    names = [str(n) for n in range(limits.MAX_TASKS)]
    shape = graph.build(names, [[], *([name] for name in names[:-1])])
    assert shape.heights[0] == limits.MAX_TASKS - 1
