"""The service under test: started for the occasion or given by URL, and spoken to through its public API alone."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import psutil
import urllib3

from app.adapters import sql

START_S, STOP_S = 60.0, 30.0
LOOKED = 0.1
"""Between two looks, of the time so far. The service's own times are what is measured, so that it costs no accuracy."""
_pause = threading.Event().wait  # between two looks at a job; the measured times are the service's own
ENDED = {"succeeded", "failed", "canceled"}


class Service:
    """A client with one connection that is kept open, as a program that submits jobs would have."""

    def __init__(self, url: str, token: str, *, up: int | None = None, database: str = "") -> None:
        self.url, self.token, self.database_url = url, token, database
        self._up = up
        self._pool = urllib3.connection_from_url(url, maxsize=1, block=True, retries=False)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def submit(self, job: Mapping[str, Any]) -> Any:
        return self._call("POST", "/v1/queues/@default/jobs", orjson.dumps(job))

    def node_token(self) -> str:
        return str(self._call("POST", "/v1/tokens", orjson.dumps({"name": "benchmark", "role": "node"}))["token"])

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def first_run(self, job_id: str) -> Any:
        return self.get(f"/v1/jobs/{job_id}/runs?limit=1")["items"][0]

    def ended(self, job_id: str, timeout_s: float, every_s: float) -> Any:
        """Looks `every_s`, then the more rarely the longer it has taken: a look costs the service what ten tasks do."""
        began = time.monotonic()
        while (waited_s := time.monotonic() - began) < timeout_s:
            _pause(max(every_s, waited_s * LOOKED))
            job = self.get(f"/v1/jobs/{job_id}")
            if job["state"] in ENDED:
                if job["state"] != "succeeded":
                    raise SystemExit(f"job {job_id} {job['state']}: {job['error']}, {job['counts']}")
                return job
        raise SystemExit(f"job {job_id} did not end within {timeout_s:g} s: {job['counts']}")

    @property
    def broker_url(self) -> str:
        """As the web process was given it."""
        return self.process("app.main").environ()["FLOTILLA_BROKER_URL"]

    def process(self, module: str) -> psutil.Process:
        """That of `flotilla up`'s which runs this module."""
        if self._up is None:
            raise SystemExit("this workload looks at the processes, and so wants a service of its own: without --url")
        for child in psutil.Process(self._up).children(recursive=True):
            if module in child.cmdline():
                return child
        raise SystemExit(f"flotilla up has no process {module}")

    def all_runs(self, job_id: str) -> Iterator[Any]:
        yield from self._pages(f"/v1/jobs/{job_id}/runs?limit=1000")

    def all_tasks(self, job_id: str) -> Iterator[Any]:
        yield from self._pages(f"/v1/jobs/{job_id}/tasks?limit=1000")

    def _pages(self, path: str) -> Iterator[Any]:
        page = self.get(path)
        yield from page["items"]
        while cursor := page.get("nextCursor"):
            page = self.get(f"{path}&cursor={quote(cursor)}")
            yield from page["items"]

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        answer = self._pool.urlopen(method, path, body=body, headers=self._headers)
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.data[:500]!r}")
        return orjson.loads(answer.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How to start it. `cpus` are of each node, and so the number of its slots; no `database` is SQLite."""

    cpus: int = 2
    nodes: int = 1
    database: str | None = None
    handoff: bool = True


@contextlib.contextmanager
def started(wanted: Wanted) -> Iterator[Service]:
    """A private `flotilla up` in a folder of its own, gone afterwards."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("FLOTILLA_")}
    environ["FLOTILLA_HANDOFF"] = "1" if wanted.handoff else "0"
    if wanted.database:
        environ["FLOTILLA_DATABASE_URL"] = wanted.database
        sql.upgrade(wanted.database)
    with tempfile.TemporaryDirectory(prefix="fl-bench-") as folder:
        command = [str(Path(sys.executable).parent / "flotilla"), "up", "--data", folder, "--port", "0"]
        command += ["--cpus", str(wanted.cpus), "--no-profile"]
        command += ["--nodes", str(wanted.nodes)] if wanted.nodes else ["--no-node"]
        up = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        try:
            url = _url(up)
            database = wanted.database or f"sqlite:///{folder}/flotilla.db"
            yield Service(url, (Path(folder) / "token").read_text().strip(), up=up.pid, database=database)
        finally:
            up.terminate()
            up.wait(STOP_S)


def _url(up: subprocess.Popen[str]) -> str:
    late = threading.Timer(START_S, up.kill)
    late.start()
    try:
        for line in up.stdout or ():
            if line.startswith("ready "):
                return line.split()[1]
    finally:
        late.cancel()
    raise SystemExit("flotilla up ended before it was ready")


def seconds(text: str) -> float:
    """A time of the API as seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()
