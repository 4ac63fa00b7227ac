"""The demo's job is one that the domain accepts, and each task takes from its needs what those give."""

from importlib.metadata import entry_points
from pathlib import Path

from app.cli.census_job import SHARDS, census_job
from app.domain import graph, references

JOB = census_job(Path("/tmp/report"))
TASKS = {task["name"]: task for task in JOB["tasks"]}


def test_it_is_a_graph_of_more_than_200_tasks_in_five_levels() -> None:
    built = graph.build(list(TASKS), [task["needs"] for task in JOB["tasks"]])
    assert len(TASKS) > 200
    assert max(built.heights) == 4
    assert sum(name.startswith("measure-") for name in TASKS) == SHARDS >= 200


def test_every_reference_is_to_a_need_and_every_measurement_is_merged_once() -> None:
    for task in JOB["tasks"]:
        assert not references.check(task["payload"], "", task["needs"], [])
        assert {found.task for found in references.find(task["payload"])} == set(task["needs"])
    merged = [need for name, task in TASKS.items() if name.startswith("merge-") for need in task["needs"]]
    assert sorted(merged) == sorted(name for name in TASKS if name.startswith("measure-"))


def test_its_callables_are_registered() -> None:
    known = {point.name for point in entry_points(group="flotilla.callables")}
    assert {task["payload"]["callable"] for task in JOB["tasks"]} <= known
