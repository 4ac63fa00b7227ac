"""How does a node talk to the API? Four calls over connections that stay open, and two ways in which they go wrong.

`AwayError`: nobody answered, or not now: repeat the same call later. `RefusedError`: the answer is no, and would be
again. Knows nothing of what the answers mean.
"""

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from app.wire.claim import Claim, ClaimAnswer
from app.wire.codec import Json, WireError, take
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Registration
from app.wire.report import ReportAnswer

log = logging.getLogger(__name__)
TIMEOUT_S = urllib3.Timeout(connect=5.0, read=30.0)
NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})
NOT_US = frozenset({401, 403, 404})
"""The token or the node is not known: nothing is wrong with what was sent."""


class ApiError(Exception):
    """A call that did not succeed."""


class AwayError(ApiError):
    """Repeat the call after `after_s`, if it is said, or when you see fit."""

    def __init__(self, text: str, after_s: float | None = None) -> None:
        super().__init__(text)
        self.after_s = after_s


class RefusedError(ApiError):
    """The API understood and said no. `stranger` is True when it does not know this token or node."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status

    @property
    def stranger(self) -> bool:
        return self.status in NOT_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The API's answer to a registration, in its own figures."""

    node_id: str
    lease_s: float
    heartbeat_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The database's clock as this node knows it: what it said, and when that was on the monotonic clock here."""

    now_us: int
    received: float

    def at(self, moment: float) -> int:
        """The database's time of a moment of the monotonic clock."""
        return self.now_us + int((moment - self.received) * 1_000_000)


class Api:
    """Safe for threads. `last_ok` is when an answer last came, on the monotonic clock."""

    def __init__(self, url: str, token: str, *, connections: int) -> None:
        self.url = url.rstrip("/")
        self.last_ok = time.monotonic()
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "User-Agent": "flotilla-node",
        }
        self._pool = urllib3.PoolManager(maxsize=connections, retries=False, timeout=TIMEOUT_S)
        self._prefix = f"{self.url}/v1/nodes"
        self._node = self._prefix
        self._lock = threading.Lock()

    def register(self, registration: Registration) -> Registered:
        answer, _ = self._post(self._prefix, orjson.dumps(registration.to_wire()))
        with _read("registration"):
            registered = Registered(
                node_id=take(answer, "nodeId", str),
                lease_s=take(answer, "leaseS", float),
                heartbeat_s=take(answer, "heartbeatS", float),
            )
        self.named(registered.node_id)
        return registered

    def named(self, node_id: str) -> None:
        """The node's id, for the calls that are made before it has registered."""
        self._node = f"{self._prefix}/{node_id}"

    def claim(self, claim: Claim) -> tuple[ClaimAnswer, Clock]:
        answer, received = self._post(f"{self._node}/claims", orjson.dumps(claim.to_wire()))
        with _read("claim"):
            claimed = ClaimAnswer.from_wire(answer)
        return claimed, Clock(now_us=claimed.now_us, received=received)

    def report(self, batch: bytes) -> tuple[ReportAnswer, Clock]:
        """`batch` is a ReportBatch as JSON. A batch of which nothing was accepted is answered too, with all `stale`."""
        answer, received = self._post(f"{self._node}/reports", batch, also=409)
        with _read("report"):
            reported = ReportAnswer.from_wire(answer)
        return reported, Clock(now_us=reported.now_us, received=received)

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        answer, _ = self._post(f"{self._node}/heartbeat", orjson.dumps(heartbeat.to_wire()))
        with _read("heartbeat"):
            return HeartbeatAnswer.from_wire(answer)

    def close(self) -> None:
        self._pool.clear()

    def _post(self, url: str, body: bytes, also: int = 200) -> tuple[Json, float]:
        try:
            response = self._pool.request("POST", url, body=body, headers=self._headers)
        except (HTTPError, OSError) as problem:
            raise AwayError(f"no answer from {self.url}: {problem}") from problem
        received = time.monotonic()
        if response.status in (200, 201, also):
            self.last_ok = received
            try:
                return orjson.loads(response.data), received
            except orjson.JSONDecodeError as problem:
                raise AwayError(f"{url} answered something that is not JSON: {problem}") from None
        if response.status in NOT_NOW:
            raise AwayError(f"{url} answered {response.status}", _retry_after_s(response))
        raise RefusedError(response.status, _detail(response.data))


@contextlib.contextmanager
def _read(what: str) -> Any:
    """An answer that does not have the agreed form is as good as none."""
    try:
        yield
    except (WireError, ValueError) as wrong:
        log.error("the API's answer to a %s is not of the agreed form: %s", what, wrong)
        raise AwayError(f"the answer to a {what} is not of the agreed form: {wrong}") from wrong


def _retry_after_s(response: urllib3.BaseHTTPResponse) -> float | None:
    value = response.headers.get("Retry-After")
    return float(value) if value and value.isdigit() else None


def _detail(data: bytes) -> str:
    try:
        problem = orjson.loads(data)
        return f"{problem.get('title', '')}: {problem.get('detail', '')} {problem.get('errors', '')}".strip(": ")
    except (orjson.JSONDecodeError, AttributeError):
        return data[:200].decode("utf-8", "replace")
