"""How does a command stay with jobs until they have ended? By asking, quickly at first and then every half second.

A server that goes away meanwhile is waited for: the jobs are in its store and go on when it is back.
"""

import time
from collections.abc import Callable, Iterator, Sequence

from app.cli.client import Client, Json
from app.cli.failures import ServerAway, TimedOut
from app.wire.states import JOB_TERMINAL, JobState

FIRST_PAUSE_S = 0.01
LONGEST_PAUSE_S = 0.5
GROWTH = 1.25
AWAY_S = 120.0
"""How long a server may be away before the command gives up."""


def is_over(job: Json) -> bool:
    return JobState(job["state"]) in JOB_TERMINAL


def succeeded(jobs: Sequence[Json]) -> bool:
    return all(job["state"] == "succeeded" for job in jobs)


def follow(client: Client, ids: Sequence[str], timeout_s: float | None, away: Callable[[str], None]) -> Iterator[Json]:
    """The jobs as they are at each look, those that have ended once. Raises TimedOut, and ServerAway in the end."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    waiting = list(dict.fromkeys(ids))
    pause_s, silent_since = FIRST_PAUSE_S, None
    while True:
        for job_id in tuple(waiting):
            try:
                job = client.get(f"/v1/jobs/{job_id}")
            except ServerAway as gone:
                silent_since = _patience(silent_since, gone, away)
                break
            silent_since = None
            if is_over(job):
                waiting.remove(job_id)
            yield job
        if not waiting:
            return
        if deadline is not None and time.monotonic() >= deadline:
            shown = ", ".join(waiting[:5]) + ("..." if len(waiting) > 5 else "")
            raise TimedOut(f"not over after {timeout_s:g} s: {shown}", f"come back with: flotilla wait {waiting[0]}")
        left_s = LONGEST_PAUSE_S if deadline is None else max(0.0, deadline - time.monotonic())
        time.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * GROWTH, LONGEST_PAUSE_S)


def _patience(silent_since: float | None, gone: ServerAway, away: Callable[[str], None]) -> float:
    now = time.monotonic()
    if silent_since is None:
        away(f"{gone.what}; waiting for it to come back")
        return now
    if now - silent_since > AWAY_S:
        raise gone
    return silent_since


class Lines:
    """The messages of a job, task or run that fit, each once, in the order in which they arrived. `wanted` as in the
    query of the API.
    """

    def __init__(self, client: Client, path: str, **wanted: object) -> None:
        self._client = client
        self._path = path
        self._wanted = wanted
        self._cursor: str | None = None

    def fresh(self) -> Iterator[Json]:
        """Those that have come since the last call."""
        while True:
            answer = self._client.get(self._path, limit=1000, cursor=self._cursor, **self._wanted)
            self._cursor = answer["followCursor"]
            yield from answer["items"]
            if not answer.get("nextCursor"):
                return
