"""What becomes of the large, the hungry and the failing, on a real fleet."""

from tests.e2e.conftest import Start
from tests.e2e.jobs import Task, command, noop, sleep


def test_a_large_task_gets_its_turn_among_small_ones(start: Start) -> None:
    """The small ones keep the node busy for some 8 s; the large one needs all of it."""
    fleet = start("--nodes", "1", "--cpus", "4", "--memory", "2048")
    small = fleet.submit([sleep(f"s{n}", 0.2 + 0.01 * (n % 7), memory=64) for n in range(140)], name="small")
    large = fleet.submit([sleep("large", 0.1, cpu=4, memory=64)], name="large")
    assert fleet.ended(large)["state"] == "succeeded"
    assert fleet.ended(small)["state"] == "succeeded"
    began = fleet.tasks(large)["large"]["startedAt"]
    later = [run for run in fleet.runs(small) if run["startedAt"] > began]
    assert len(later) >= 28, "it waited for nearly all of them"


def eater(limitations: dict[str, float]) -> Task:
    """Needs some 90 MB."""
    program = "x = bytearray(80 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"
    task = command("eater", "python3", "-c", program)
    return task | {"requirements": {"cpu": 1, "memory": 30}, "limitations": limitations}


def test_a_task_out_of_memory_is_given_more_when_it_asked_for_that(start: Start) -> None:
    fleet = start("--nodes", "1", "--cpus", "2", "--memory", "1024")
    strict, growing = fleet.submit([eater({})]), fleet.submit([eater({"memoryGrowth": 2})])
    assert fleet.ended(strict)["state"] == "failed"
    (run,) = fleet.runs(strict)
    assert (run["state"], run["error"]["code"]) == ("out_of_memory", "out_of_memory")
    assert fleet.ended(growing)["state"] == "succeeded"
    assert [run["state"] for run in fleet.runs(growing)] == ["out_of_memory", "out_of_memory", "succeeded"]
    assert fleet.tasks(growing)["eater"]["attempts"] == 1


def test_a_job_with_too_many_failures_is_ended(start: Start) -> None:
    fleet = start("--nodes", "1", "--cpus", "2", "--memory", "1024")
    bad = [command(f"bad{n}", "false") for n in range(3)]
    document = {"name": "strict", "tasks": [*bad, sleep("long", 60), noop("after", "long")], "maxFailedTasks": 1}
    job_id = fleet.client.post("/v1/queues/@default/jobs", document)["id"]
    assert fleet.ended(job_id, 20)["state"] == "failed"
    tasks = fleet.tasks(job_id)
    assert (tasks["long"]["state"], tasks["after"]["state"]) == ("canceled", "canceled")
