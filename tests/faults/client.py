"""The fleet as its users see it: a small client of the native API, and the shapes of jobs that scenarios submit."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import urllib3

PROGRAM = Path(__file__).with_name("misbehave.py")
TERMINAL = frozenset({"succeeded", "failed", "canceled", "skipped"})
Json = Any  # as parsed


class ApiError(Exception):
    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:500]!r}")
        self.status = status


class Client:
    """Raises ApiError for an answer that is no success, and urllib3's errors where there is none."""

    def __init__(self, url: str, token: str, timeout_s: float = 30.0) -> None:
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._pool = urllib3.PoolManager(maxsize=32, retries=False, timeout=timeout_s, headers=headers)

    def fail_fast(self) -> None:
        """For a time in which answers are not to be expected."""
        self._pool.connection_pool_kw["timeout"] = urllib3.Timeout(connect=1.0, read=5.0)
        self._pool.clear()

    def ask(self, method: str, path: str, body: Json = None, headers: Mapping[str, str] | None = None) -> Json:
        sent = {**self._pool.headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        data = None if body is None else orjson.dumps(body)
        answer = self._pool.request(method, self.url + path, body=data, headers=sent)
        if answer.status >= 300:
            raise ApiError(answer.status, answer.data)
        return orjson.loads(answer.data) if answer.data else None

    def get(self, path: str) -> Json:
        return self.ask("GET", path)

    def post(self, path: str, body: Json = None) -> Json:
        return self.ask("POST", path, {} if body is None else body)

    def items(self, path: str) -> list[Json]:
        out: list[Json] = []
        sign, cursor = "&" if "?" in path else "?", ""
        while True:
            answer = self.get(f"{path}{sign}limit=1000{cursor}")
            out += answer["items"]
            if "nextCursor" not in answer:
                return out
            cursor = f"&cursor={answer['nextCursor']}"

    def submit(self, tasks: Iterable[Json], name: str = "job", key: str | None = None, **more: Json) -> str:
        headers = {"Idempotency-Key": key} if key else {}
        body = {"name": name, "tasks": list(tasks), **more}
        job_id: str = self.ask("POST", "/v1/queues/@default/jobs", body, headers)["id"]
        return job_id

    def job(self, job_id: str) -> Json:
        return self.get(f"/v1/jobs/{job_id}")

    def tasks(self, job_id: str) -> list[Json]:
        return self.items(f"/v1/jobs/{job_id}/tasks")

    def runs(self, job_id: str) -> list[Json]:
        return self.items(f"/v1/jobs/{job_id}/runs")

    def running(self, job_id: str) -> list[Json]:
        return [run for run in self.runs(job_id) if run["state"] == "running"]

    def nodes(self) -> dict[str, Json]:
        return {node["name"]: node for node in self.items("/v1/nodes")}


def command(
    ledger: Path,
    name: str,
    *words: object,
    needs: Iterable[str] = (),
    cpu: int = 1,
    memory: int = 64,
    attempts: int = 1,
    limit_s: int | None = None,
    **more: Json,
) -> Json:
    """A task that misbehaves as `words` say."""
    argv = [sys.executable, "-I", "-S", str(PROGRAM), str(ledger), *(str(word) for word in words)]
    limitations: dict[str, Json] = {"maxAttempts": attempts}
    if limit_s is not None:
        limitations["maxExecutionTimeInSeconds"] = limit_s
    return {
        "name": name,
        "executor": "command",
        "needs": list(needs),
        "payload": {"argv": argv},
        "requirements": {"cpu": cpu, "memory": memory},
        "limitations": limitations,
        **more,
    }


def call(name: str, callable_: str, needs: Iterable[str] = (), memory: int = 64, **arguments: Json) -> Json:
    """A task of the `python` executor."""
    return {
        "name": name,
        "executor": "python",
        "needs": list(needs),
        "payload": {"callable": callable_, "arguments": arguments},
        "requirements": {"cpu": 1, "memory": memory},
    }
