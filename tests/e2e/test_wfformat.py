"""The converter of real workflows, on one small enough to check by hand."""

import gzip
import json
from pathlib import Path

import pytest

from tests.e2e.wfformat import as_job, lower_bound_s


@pytest.fixture
def path(tmp_path: Path) -> Path:
    parents = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    seconds = {"a": 10, "b": 20, "c": 5, "d": 5}
    ran = [{"id": name, "runtimeInSeconds": took} for name, took in seconds.items()]
    ran[1] |= {"coreCount": 64, "memoryInBytes": 8 << 30}
    tasks = [{"id": name, "parents": needs} for name, needs in parents.items()]
    workflow = {"specification": {"tasks": tasks}, "execution": {"tasks": ran}}
    file = tmp_path / "small-001.json.gz"
    file.write_bytes(gzip.compress(json.dumps({"workflow": workflow}).encode()))
    return file


def test_graph_times_and_sizes_are_those_of_the_workflow_scaled_to_the_fleet(path: Path) -> None:
    job = as_job(path, work_s=4, cpus=2, memory_mb=1024)
    assert job["name"] == "small-001"
    assert {task["name"]: task["needs"] for task in job["tasks"]} == {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    assert [task["payload"]["arguments"]["seconds"] for task in job["tasks"]] == [1.0, 2.0, 0.5, 0.5]
    assert [task["requirements"]["cpu"] for task in job["tasks"]] == [1, 2, 1, 1]
    assert job["tasks"][1]["requirements"]["memory"] == 1024


def test_no_schedule_is_shorter_than_the_longest_chain_or_the_work_shared_out(path: Path) -> None:
    job = as_job(path, work_s=4, cpus=2, memory_mb=1024)
    assert lower_bound_s(job, cpus=100) == pytest.approx(3.5)
    assert lower_bound_s(job, cpus=1) == pytest.approx(6.0)
