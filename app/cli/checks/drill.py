"""A fault drill on the user's own deployment: which promises (G1 to G13 of the README) held, as far as could be tried?

Jobs are small, labelled and deleted afterwards. What is killed is a run of the drill's own; a node or the broker only
where that was asked for. Each part says what it saw and what it took.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import requests

from app.cli.checks import kills
from app.cli.checks.bench import Broken, Outcome, Trial, Untried

CANCEL_S = 5.0
LIMIT_S = 2.0
REPEATS = 5
SMALL = {"cpu": 1, "memory": 128}
LONG_S = 60.0


def run(trial: Trial, *, kill_node: str | None, restart_broker: bool) -> Iterator[Outcome]:
    """One outcome after another, as they become known."""
    parts: list[tuple[str, str, Callable[[Trial], str]]] = [
        ("G1", "an accepted job is there", accepted),
        ("G1", "the same after kill -9 of everything", untried("the drill does not stop your servers")),
        ("G2", "a task that waits says why", explained),
        ("G3", "one submit, however often it is said", once),
        ("G4", "a report with another fence changes nothing", fenced),
        ("G5", "a node's death", partial(kills.node, name=kill_node) if kill_node else untried("say --kill-node NODE")),
        ("G6", "a killed program is noticed", kills.program),
        ("G7", "three node deaths end a task", untried("it takes three deaths of nodes")),
        ("G8", "clocks of nodes decide nothing", untried("it takes a node with a wrong clock")),
        ("G9", "an outage of the API costs no run", untried("the drill does not stop your servers")),
        ("G10", "the broker is lost", kills.broker if restart_broker else untried("say --restart-broker")),
        ("G11", "the time limit holds", timed_out),
        ("G11", "no node gives out more than it has", reserved),
        ("G12", "a cancel ends what runs", canceled),
        ("G13", "progress never falls", progressed),
    ]
    try:
        for promise, what, part in parts:
            yield trial.judge(promise, what, part)
    finally:
        trial.clear()


def untried(why: str) -> Callable[[Trial], str]:
    def part(_: Trial) -> str:
        raise Untried(why)

    return part


def accepted(trial: Trial) -> str:
    job = trial.submit([noop("a"), noop("b", "a")])
    trial.mark()
    ended = trial.until(lambda: trial.ended(job["id"]), LONG_S, "the job did not end")
    trial.took()
    if ended["state"] != "succeeded":
        raise Broken(f"the job is {ended['state']}: {ended['error']}")
    return "accepted, found again, and done"


def explained(trial: Trial) -> str:
    job = trial.submit([{**noop("nobody"), "tag": "flotilla-drill-nobody"}])
    task = trial.tasks(job["id"])[0]
    reasons = trial.client.get(f"/v1/tasks/{task['id']}/explain")["reasons"]
    trial.client.post(f"/v1/jobs/{job['id']}/cancel")
    if not reasons:
        raise Broken("it waits for a tag that no node has, and explain has no reason")
    trial.until(lambda: trial.ended(job["id"]), LONG_S, "it did not end when it was canceled")
    return f"{reasons[0]['code']}: {reasons[0]['message']}"


def once(trial: Trial) -> str:
    key = trial.new_key()
    with ThreadPoolExecutor(REPEATS) as pool:
        jobs = list(pool.map(lambda _: trial.post_job([noop("once")], key), range(REPEATS)))
    ids = {job["id"] for job in jobs}
    if len(ids) != 1:
        raise Broken(f"one Idempotency-Key made {len(ids)} jobs")
    job_id = ids.pop()
    trial.until(lambda: trial.ended(job_id), LONG_S, "the job did not end")
    good = [run for run in trial.runs(job_id) if run["state"] == "succeeded"]
    if len(good) != 1:
        raise Broken(f"its task succeeded {len(good)} times")
    return f"{REPEATS} submits with one Idempotency-Key: one job, one result"


def fenced(trial: Trial) -> str:
    if not trial.place.node_token:
        raise Untried("it needs a node's token: FLOTILLA_NODE_TOKEN, or --data DIR")
    run = trial.running([sleep("held", LONG_S)])
    node = trial.client.get(f"/v1/nodes/{run['nodeId']}")
    free = {"cpuMilli": round(node["free"]["cpu"] * 1000), "memoryMib": node["free"]["memory"]}
    ending = {"state": "failed", "atUs": time.time_ns() // 1000}
    report = {"runId": run["id"], "fence": run["number"] + 1, "sequence": 1 << 40, "ending": ending}
    answer = requests.post(
        f"{trial.client.url}/v1/nodes/{run['nodeId']}/reports",
        json={"free": free, "reports": [report]},
        headers={"Authorization": f"Bearer {trial.place.node_token}"},
        timeout=10,
    )
    if answer.status_code == 403:
        raise Untried("the token at hand does not speak for that node")
    state = trial.run(run["id"])["state"]
    trial.client.post(f"/v1/jobs/{run['jobId']}/cancel")
    if answer.status_code != 409 or state != "running":
        raise Broken(f"it was answered {answer.status_code}, and the run is {state}")
    return "refused with 409, and the run went on"


def timed_out(trial: Trial) -> str:
    limited = {**sleep("limited", LONG_S), "limitations": {"maxExecutionTimeInSeconds": 1}}
    run = trial.running([limited])
    trial.mark()
    ended = trial.until(lambda: trial.run_ended(run["id"]), LONG_S, "the run did not end")
    over_s = trial.took() - 1.0
    if ended["state"] != "timed_out":
        raise Broken(f"a limit of 1 s, and the run is {ended['state']}")
    if over_s > LIMIT_S + trial.slack_s:
        raise Broken(f"it ended {over_s:.1f} s after its limit")
    return "ended at its limit of 1 s"


def reserved(trial: Trial) -> str:
    nodes = list(trial.client.items("/v1/nodes"))
    for node in nodes:
        for what in ("cpu", "memory"):
            if not 0 <= node["free"][what] <= node["total"][what]:
                raise Broken(f"{node['name']} has {node['free'][what]} of {node['total'][what]} {what} free")
    return f"looked at {len(nodes)} nodes"


def canceled(trial: Trial) -> str:
    run = trial.running([sleep("long", LONG_S), noop("after", "long")])
    trial.client.post(f"/v1/jobs/{run['jobId']}/cancel")
    trial.mark()
    trial.until(lambda: trial.run_ended(run["id"]), LONG_S, "what ran did not end")
    took_s = trial.took()
    trial.until(lambda: trial.ended(run["jobId"]), LONG_S, "the job did not end")
    left = kills.processes_of(run["id"])
    if took_s > CANCEL_S + trial.slack_s:
        raise Broken(f"what ran ended after {took_s:.1f} s")
    if left:
        raise Broken(f"processes of it are left: {left}")
    others = [one for one in trial.runs(run["jobId"]) if one["id"] != run["id"]]
    if others:
        raise Broken("something new was started")
    return "what ran ended, nothing new began"


def progressed(trial: Trial) -> str:
    script = "echo openjd_progress: 60; sleep 1; echo openjd_progress: 20; sleep 1"
    job = trial.submit([{"name": "progress", "executor": "command", "payload": {"argv": ["sh", "-c", script]}}])
    seen: list[float] = []

    def look() -> Any:
        seen.extend(float(run["progress"]) for run in trial.runs(job["id"]))
        return trial.ended(job["id"])

    trial.until(look, LONG_S, "the job did not end")
    if seen != sorted(seen):
        raise Broken(f"it went {seen}")
    return f"seen {len(seen)} times, from {min(seen):g} to {max(seen):g}"


def noop(name: str, *needs: str) -> dict[str, Any]:
    payload = {"callable": "noop"}
    return {"name": name, "executor": "python", "needs": list(needs), "payload": payload, "requirements": SMALL}


def sleep(name: str, seconds: float) -> dict[str, Any]:
    return {**noop(name), "payload": {"callable": "sleep", "arguments": {"seconds": seconds}}}
