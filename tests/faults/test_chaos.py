"""Random faults, one about every second, while jobs of every shape come in: at the end every invariant holds.

FLOTILLA_TEST_CHAOS_TASKS (300; 10000 for a long run), FLOTILLA_TEST_CHAOS_SEEDS (1; several with commas),
FLOTILLA_TEST_CHAOS_EVERY (1: seconds between two faults, on average).
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3

from tests.faults.chaos import Chaos
from tests.faults.client import ApiError, call, command
from tests.faults.conftest import Figures, fleet_of, settle
from tests.faults.fleet import Fleet
from tests.wait import wait_until

pytestmark = pytest.mark.fault

TASKS = int(os.environ.get("FLOTILLA_TEST_CHAOS_TASKS", "300"))
SEEDS = [int(seed) for seed in os.environ.get("FLOTILLA_TEST_CHAOS_SEEDS", "1").split(",")]
EVERY_S = float(os.environ.get("FLOTILLA_TEST_CHAOS_EVERY", "1"))
SPAN_S = max(25.0, TASKS / 12)
JOB = 10
HEALING_S = 60 + TASKS / 20


@pytest.fixture(params=["postgres"] if TASKS <= 300 else ["postgres", "sqlite"])
def fleet(request: pytest.FixtureRequest) -> Iterator[Fleet]:
    with fleet_of(nodes=3, webs=2, engines=2, postgres=request.param == "postgres", cpus=4, memory=2048) as made:
        yield made
        settle(made, request)


def job_of(fleet: Fleet, chance: random.Random) -> list[dict[str, Any]]:
    """Ten tasks: a random graph of programs and callables, some of which fail at first."""
    tasks: list[dict[str, Any]] = []
    for number in range(JOB):
        needs = chance.sample([task["name"] for task in tasks], k=min(len(tasks), chance.choice((0, 1, 1, 2, 3))))
        name, seconds = f"t{number}", round(chance.choice((0, 0.01, 0.1, 0.5, 1.5)), 3)
        if chance.random() < 0.5:
            tasks.append(command(fleet.ledger, name, "ok", seconds, needs=needs, attempts=3))
        else:
            tasks.append(call(name, "noted", needs=needs, ledger=str(fleet.ledger), seconds=seconds))
    return tasks


@pytest.mark.timeout(SPAN_S + HEALING_S + 240)
@pytest.mark.parametrize("seed", SEEDS)
def test_chaos(fleet: Fleet, figures: Figures, seed: int) -> None:
    chance = random.Random(seed)
    chaos = Chaos(fleet, chance)
    began = time.monotonic()
    count, next_fault, slowest_s, answers = 0, began + 1.0, 0.0, Counter[str]()

    def turn() -> bool:
        nonlocal count, next_fault, slowest_s
        now = time.monotonic()
        chaos.mend_due(now)
        if now >= next_fault:
            chaos.strike(now)
            next_fault = now + EVERY_S * chance.uniform(0.6, 1.4)
        if count < TASKS and (now - began) / SPAN_S * TASKS >= count:
            key = f"chaos-{seed}-{count}"
            try:
                client = fleet.clients[answers.total() % len(fleet.clients)]
                asked = time.monotonic()
                fleet.jobs.append(client.submit(job_of(fleet, random.Random(f"{seed}/{count}")), name=key, key=key))
                slowest_s = max(slowest_s, time.monotonic() - asked)
                count += JOB
                answers["201"] += 1
            except ApiError as error:
                answers[str(error.status)] += 1
            except urllib3.exceptions.HTTPError:
                answers["none"] += 1
        return now - began >= SPAN_S and count >= TASKS

    for client in fleet.clients:
        client.fail_fast()
    wait_until(turn, SPAN_S + 60, dump=fleet.dump)
    chaos.mend_due(0, all_of_it=True)
    figures.note(
        f"seed {seed}: {len(chaos.struck)} faults {dict(Counter(chaos.struck))}; "
        f"submits {dict(answers)}, "
        f"the slowest {slowest_s:.2f} s"
    )
    assert set(answers) <= {"201", "none", "503"}
    assert len(set(fleet.jobs)) == len(fleet.jobs), "every submit is answered with its own job"
    figures.restart()
    fleet.start()
    fleet.finish(*fleet.jobs, within_s=HEALING_S)
    ended: Counter[str] = Counter()
    runs = 0
    for job_id in fleet.jobs:
        runs += len(fleet.client.runs(job_id))
        for task in fleet.client.tasks(job_id):
            code = (task["error"] or {}).get("code", "")
            ended[f"{task['state']} {code}".strip()] += 1
    figures.note(f"all over {figures.elapsed_s():.1f} s after the last fault: {dict(ended)} by {runs} runs")
    assert set(ended) <= {"succeeded", "failed crash_limit", "failed runner_died", "skipped upstream"}
    assert ended["succeeded"] > TASKS * 0.8
