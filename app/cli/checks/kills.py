"""The parts of a drill that kill something: a program of the drill's own, and where that was asked for a node or the
private broker. Only what runs on this host, by its pid, once it is known for sure to be what is meant.
"""

import contextlib
import os
import signal
from contextlib import closing
from pathlib import Path

import psutil
import redis

from app.cli.checks.bench import Broken, Trial, Untried
from app.cli.checks.deployment import broker_of
from app.wire.broker import Broker

CHILD_S = 2.0
NODE_S = 25.0
BROKER_S = 10.0
AGAIN_S = 120.0
RUN_ID = b"FLOTILLA_RUN_ID="


def program(trial: Trial) -> str:
    payload = {"argv": ["sleep", "60"]}
    run = trial.running([{"name": "killed", "executor": "command", "payload": payload}])
    pids = processes_of(run["id"])
    if not pids:
        raise Untried("the run is on another host, or its processes cannot be seen by this user")
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    trial.mark()
    ended = trial.until(lambda: trial.run_ended(run["id"]), AGAIN_S, "the end of the program was not noticed")
    took_s = trial.took()
    if ended["state"] != "failed" or took_s > CHILD_S + trial.slack_s:
        raise Broken(f"the run is {ended['state']} after {took_s:.1f} s")
    return "the run failed at once, and said by which signal"


def node(trial: Trial, *, name: str) -> str:
    found = [one for one in trial.client.items("/v1/nodes") if name in (one["id"], one["name"])]
    online = [one for one in found if one["state"] == "online"]
    if len(online) != 1:
        raise Untried(f"{len(online)} nodes are online under the name {name}")
    victim = online[0]
    pid = victim["pid"]
    if not _is_node(pid, victim["name"]):
        raise Untried(f"process {pid} of this host is not that node: say it on the node's own host")
    tag = {"tag": victim["tags"][0]} if victim["tags"] else {}
    payload = {"callable": "sleep", "arguments": {"seconds": 60}}
    for _ in range(5):
        run = trial.running([{"name": "moved", "executor": "python", "payload": payload, **tag}])
        if run["nodeId"] == victim["id"]:
            break
        trial.client.post(f"/v1/jobs/{run['jobId']}/cancel")
    else:
        raise Untried("other nodes took the drill's task each time")
    os.kill(pid, signal.SIGKILL)
    trial.mark()

    def elsewhere() -> bool:
        return any(one["id"] != run["id"] and one["startedAt"] for one in trial.runs(run["jobId"]))

    trial.until(elsewhere, AGAIN_S, "its task did not run again")
    took_s = trial.took()
    trial.client.post(f"/v1/jobs/{run['jobId']}/cancel")
    if trial.run(run["id"])["state"] != "lost":
        raise Broken("its run is not lost")
    if took_s > NODE_S + trial.slack_s:
        raise Broken(f"its task ran again after {took_s:.1f} s")
    return f"the task of {victim['name']} ran again"


def broker(trial: Trial) -> str:
    if not trial.place.private_broker:
        raise Untried("the broker is not a private one of `flotilla up` on this host")
    try:
        pid = _broker_pid(trial)
    except (redis.RedisError, OSError) as away:
        raise Untried(f"the broker does not answer: {away}") from None
    os.kill(pid, signal.SIGKILL)

    def back() -> bool:
        with contextlib.suppress(redis.RedisError, OSError):
            return _broker_pid(trial) != pid
        return False

    trial.until(back, AGAIN_S, "nobody started it again")
    trial.mark()
    job = trial.submit([{"name": "after", "executor": "python", "payload": {"callable": "noop"}}])
    trial.until(lambda: trial.ended(job["id"]), AGAIN_S, "nothing was given out")
    took_s = trial.took()
    if took_s > BROKER_S + trial.slack_s:
        raise Broken(f"a new job was done {took_s:.1f} s after the broker's return")
    return "it was started again, and a new job was done"


def processes_of(run_id: str) -> list[int]:
    """Of this host, by the mark in their environment."""
    mark = RUN_ID + run_id.encode()
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
    return found


def _is_node(pid: int, name: str) -> bool:
    try:
        process = psutil.Process(pid)
        words, environ = process.cmdline(), process.environ()
    except (psutil.Error, OSError):
        return False
    return "worker.main" in words and environ.get("FLOTILLA_NODE_NAME", os.uname().nodename) == name


def _broker_pid(trial: Trial) -> int:
    with closing(broker_of(Broker(url=trial.place.environ["FLOTILLA_BROKER_URL"]))) as client:
        known = client.info("server")
    return int(known["process_id"])
