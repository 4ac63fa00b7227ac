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

import orjson
import urllib3

from app.adapters import sql

START_S, STOP_S = 60.0, 30.0
_pause = threading.Event().wait  # between two looks at a job; the measured times are the service's own
ENDED = {"succeeded", "failed", "canceled"}


class Service:
    """A client with one connection that is kept open, as a program that submits jobs would have."""

    def __init__(self, url: str, token: str) -> None:
        self._pool = urllib3.connection_from_url(url, maxsize=1, block=True, retries=False)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def submit(self, job: Mapping[str, Any]) -> Any:
        return self._call("POST", "/v1/queues/@default/jobs", orjson.dumps(job))

    def get(self, path: str) -> Any:
        return self._call("GET", path)

    def first_run(self, job_id: str) -> Any:
        return self.get(f"/v1/jobs/{job_id}/runs?limit=1")["items"][0]

    def ended(self, job_id: str, timeout_s: float, every_s: float) -> Any:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            _pause(every_s)
            job = self.get(f"/v1/jobs/{job_id}")
            if job["state"] in ENDED:
                if job["state"] != "succeeded":
                    raise SystemExit(f"job {job_id} {job['state']}: {job['error']}, {job['counts']}")
                return job
        raise SystemExit(f"job {job_id} did not end within {timeout_s:g} s: {job['counts']}")

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
        command += ["--cpus", str(wanted.cpus), "--nodes", str(wanted.nodes), "--no-profile"]
        up = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)
        try:
            url = _url(up)
            yield Service(url, (Path(folder) / "token").read_text().strip())
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
