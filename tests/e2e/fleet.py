"""A `flotilla up` of a test's own: started, asked, killed, ended, and looked after that nothing of it stays."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from app.cli.client import Client
from app.cli.failures import Failure
from app.cli.profile import Profile
from app.wire.states import JOB_TERMINAL
from tests.wait import wait_until

READY_S = 60.0
CHOSEN_BY_THE_CALLER = {"FLOTILLA_HANDOFF", "FLOTILLA_MAX_BUNDLE"}  # of the whole run of the tests, see conftest.py
PROGRAMS = ("sh", "true", "false", "echo", "sleep", "cat", "seq")
ROLES = {"app.main": "web", "app.engine": "engine", "worker.main": "node", "flower": "flower"}


def path_without_broker(folder: Path) -> str:
    """A PATH with a few programs and no redis-server."""
    folder.mkdir(exist_ok=True)
    for name in PROGRAMS:
        if not (folder / name).exists():
            (folder / name).symlink_to(Path(str(shutil.which(name))).resolve())
    return str(folder)


class Fleet:
    """One data folder and the `up` on it."""

    def __init__(self, data: Path, *options: str, **environ: str) -> None:
        self.data = data
        self._options = options
        kept = {key for key in os.environ if not key.startswith("FLOTILLA_")} | CHOSEN_BY_THE_CALLER
        self._environ = {key: os.environ[key] for key in kept if key in os.environ}
        self._environ |= {"FLOTILLA_CLOCKWORK": "fast", **environ}
        self.process: subprocess.Popen[str] | None = None
        self.said: list[str] = []
        self.url = ""

    def start(self) -> "Fleet":
        command = [sys.executable, "-m", "app.cli.main", "up", "--data", str(self.data), "--port", "0", "--no-profile"]
        self.said = []
        self.process = process = subprocess.Popen(
            [*command, *self._options],
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        wait_until(lambda: self._ready() or process.poll() is not None, READY_S, self.logs)
        assert process.poll() is None, self.logs()
        return self

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        for line in process.stdout:
            self.said.append(line.rstrip("\n"))

    def _ready(self) -> bool:
        self.url = next((line.split()[1] for line in self.said if line.startswith("ready ")), "")
        return bool(self.url)

    @property
    def client(self) -> Client:
        return Client(Profile(url=self.url, token=(self.data / "token").read_text().strip()))

    def cli(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "app.cli.main", *arguments],
            env=self.cli_environ(),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def offline(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A command that needs no server: it works on the data folder or the database."""
        command = [sys.executable, "-m", "app.cli.main", *arguments]
        environ = dict(self._environ)
        if "FLOTILLA_DATABASE_URL" in environ:
            environ["FLOTILLA_ASSETS_URL"] = f"file://{self.data / 'assets'}"
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=90, check=False)

    def cli_environ(self) -> Mapping[str, str]:
        token = (self.data / "token").read_text().strip()
        return self._environ | {"FLOTILLA_URL": self.url, "FLOTILLA_TOKEN": token}

    # -- jobs
    def submit(self, tasks: list[dict[str, Any]], name: str = "e2e") -> str:
        return str(self.client.post("/v1/queues/@default/jobs", {"name": name, "tasks": tasks})["id"])

    def ended(self, job_id: str, deadline_s: float = 60.0) -> dict[str, Any]:
        client = self.client

        def over() -> Any:
            try:
                job = client.get(f"/v1/jobs/{job_id}")
            except Failure:  # its server is being killed just now
                return None
            return job if job["state"] in JOB_TERMINAL else None

        job: dict[str, Any] = wait_until(over, deadline_s, lambda: f"{client.get(f'/v1/jobs/{job_id}')}\n{self.logs()}")
        return job

    def runs(self, job_id: str) -> list[dict[str, Any]]:
        return list(self.client.items(f"/v1/jobs/{job_id}/runs"))

    def tasks(self, job_id: str) -> dict[str, dict[str, Any]]:
        return {task["name"]: task for task in self.client.items(f"/v1/jobs/{job_id}/tasks")}

    # -- processes
    def children(self) -> dict[str, int]:
        """The pid of each process that `up` keeps alive: broker, web, engine, node-1, ..."""
        found: dict[str, int] = {}
        for child in self._up().children():
            try:
                words = child.cmdline()
                role = next((ROLES[word] for word in words if word in ROLES), "broker")
                found[child.environ()["FLOTILLA_NODE_NAME"] if role == "node" else role] = child.pid
            except (psutil.NoSuchProcess, psutil.ZombieProcess, IndexError):
                continue
        return found

    def tree(self) -> list[psutil.Process]:
        return [self._up(), *self._up().children(recursive=True)]

    def _up(self) -> psutil.Process:
        assert self.process
        return psutil.Process(self.process.pid)

    def interrupt(self) -> float:
        """SIGINT; the seconds it took to end."""
        assert self.process
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return time.monotonic() - began

    def remove(self) -> None:
        if self.process and self.process.poll() is None:
            tree = self.tree()
            self.process.send_signal(signal.SIGTERM)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                kill(tree)

    def logs(self) -> str:
        parts = ["\n".join(self.said)]
        for path in sorted((self.data / "logs").glob("*.log")):
            parts.append(f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}")
        return "\n".join(parts)


def kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """A pid that was given to another process since does not count."""
    return [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@dataclass(frozen=True)
class Interval:
    """When a run was on its node, and what it had reserved there."""

    node: str
    start: datetime
    end: datetime
    cpu: float
    memory: int


def intervals(fleet: Fleet, job_id: str) -> list[Interval]:
    needs = {task["id"]: task["requirements"] for task in fleet.tasks(job_id).values()}
    return [
        Interval(
            node=run["nodeId"],
            start=datetime.fromisoformat(run["startedAt"]),
            end=datetime.fromisoformat(run["finishedAt"]),
            cpu=needs[run["taskId"]]["cpu"],
            memory=needs[run["taskId"]]["memory"],
        )
        for run in fleet.runs(job_id)
        if run["startedAt"] and run["finishedAt"]
    ]


def peaks(found: Iterable[Interval]) -> dict[str, tuple[float, int]]:
    """The most cpu and the most memory that were reserved at any moment, by node. An end goes before a start."""
    edges = [(one.end, 0, one.node, -one.cpu, -one.memory) for one in found]
    edges += [(one.start, 1, one.node, one.cpu, one.memory) for one in found]
    now: dict[str, tuple[float, int]] = {}
    most: dict[str, tuple[float, int]] = {}
    for _, _, node, cpu, memory in sorted(edges):
        held = now.get(node, (0.0, 0))
        now[node] = (held[0] + cpu, held[1] + memory)
        peak = most.get(node, (0.0, 0))
        most[node] = (max(peak[0], now[node][0]), max(peak[1], now[node][1]))
    return most


def order_violations(fleet: Fleet, job_id: str) -> list[str]:
    """Runs that started before a need of their task had finished."""
    tasks = fleet.tasks(job_id)
    names = {task["id"]: name for name, task in tasks.items()}
    started = {names[run["taskId"]]: run["startedAt"] for run in fleet.runs(job_id) if run["startedAt"]}
    return [
        f"{name} started at {started[name]}, {need} finished at {tasks[need]['finishedAt']}"
        for name, task in tasks.items()
        for need in task["needs"]
        if name in started and started[name] < tasks[need]["finishedAt"]
    ]
