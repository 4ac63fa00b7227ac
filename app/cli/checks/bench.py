"""What the parts of a drill have in common: labelled jobs that are deleted, waiting, and judging how a part went."""

import contextlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from app.cli.checks.place import Place
from app.cli.client import Client, Json
from app.cli.failures import Failure
from app.wire.states import JOB_TERMINAL, RUN_TERMINAL

T = TypeVar("T")
LABEL = "flotilla-drill"
LOOK_S = 0.05
START_S = 30.0
END_S = 10.0


class Broken(Exception):
    """A promise did not hold."""


class Untried(Exception):
    """It could not be tried here, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`seconds` is what the promise puts a bound on, None where it is not about time."""

    promise: str
    what: str
    state: Literal["held", "broken", "not tried"]
    saw: str
    seconds: float | None = None


@dataclass(slots=True, kw_only=True)
class Trial:
    """One drill. `slack_s` is added to every bound; `jobs` are those it made."""

    client: Client
    place: Place
    queue: str
    slack_s: float
    jobs: list[str] = field(default_factory=list)
    _since: float = 0.0
    _took: float | None = None

    def judge(self, promise: str, what: str, part: Callable[["Trial"], str]) -> Outcome:
        self._took = None
        state: Literal["held", "broken", "not tried"] = "held"
        try:
            saw = part(self)
        except Untried as why:
            state, saw = "not tried", str(why)
        except (Broken, Failure) as why:
            state, saw = "broken", str(why)
        return Outcome(promise=promise, what=what, state=state, saw=saw, seconds=self._took)

    def mark(self) -> None:
        """From here on the time is measured."""
        self._since = time.monotonic()

    def took(self) -> float:
        self._took = time.monotonic() - self._since
        return self._took

    def until(self, condition: Callable[[], T], within_s: float, otherwise: str) -> T:
        """Raises Broken. A server that is away for a moment has not answered yet."""
        deadline = time.monotonic() + within_s
        while True:
            with contextlib.suppress(Failure):
                if found := condition():
                    return found
            if time.monotonic() > deadline:
                raise Broken(f"{otherwise} within {within_s:g} s")
            time.sleep(LOOK_S)

    # -- jobs

    def new_key(self) -> str:
        return f"{LABEL}-{uuid.uuid4()}"

    def post_job(self, tasks: list[dict[str, Any]], key: str) -> Json:
        body = {"name": LABEL, "labels": {LABEL: "1"}, "tasks": tasks}
        job = self.client.post(f"/v1/queues/{self.queue}/jobs", body, key=key)
        self.jobs.append(job["id"])
        return job

    def submit(self, tasks: list[dict[str, Any]]) -> Json:
        return self.post_job(tasks, self.new_key())

    def running(self, tasks: list[dict[str, Any]]) -> Json:
        """The run of such a job that is running. Raises Untried where none is started in time: the fleet is busy."""
        job = self.submit(tasks)
        try:
            return self.until(lambda: self._running(job["id"]), START_S, "")
        except Broken:
            self.client.post(f"/v1/jobs/{job['id']}/cancel")
            raise Untried(f"no node took a task of the drill within {START_S:g} s") from None

    def _running(self, job_id: str) -> Json:
        return next((run for run in self.runs(job_id) if run["state"] == "running" and run["startedAt"]), None)

    def runs(self, job_id: str) -> list[Json]:
        return list(self.client.items(f"/v1/jobs/{job_id}/runs"))

    def tasks(self, job_id: str) -> list[Json]:
        return list(self.client.items(f"/v1/jobs/{job_id}/tasks"))

    def run(self, run_id: str) -> Json:
        return self.client.get(f"/v1/runs/{run_id}")

    def run_ended(self, run_id: str) -> Json:
        run = self.run(run_id)
        return run if run["state"] in RUN_TERMINAL else None

    def ended(self, job_id: str) -> Json:
        job = self.client.get(f"/v1/jobs/{job_id}")
        return job if job["state"] in JOB_TERMINAL else None

    def clear(self) -> None:
        """What is not over is canceled; all of it is deleted."""
        for job_id in dict.fromkeys(self.jobs):
            with contextlib.suppress(Failure, Broken):
                if not self.ended(job_id):
                    self.client.post(f"/v1/jobs/{job_id}/cancel")
                    self.until(lambda: self.ended(job_id), END_S, "")  # noqa: B023  # called within the turn
                self.client.delete(f"/v1/jobs/{job_id}")
