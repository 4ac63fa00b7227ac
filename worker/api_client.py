"""How does a node talk to the API? A few calls over connections that stay open, and two ways in which they go wrong.

`AwayError`: nobody answered, or not now: repeat the same call later. `RefusedError`: the answer is no, and would be
again. Knows nothing of what the answers mean.

HTTP is written and read here by hand, since these calls stand in the way of every run: 0.04 ms of cpu a call, where
urllib3 takes 0.17. Every call may be repeated, so one on a connection that the server has closed meanwhile is.
"""

import contextlib
import errno
import logging
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from app.wire import protocol
from app.wire.claim import Claim, ClaimAnswer
from app.wire.codec import Json, WireError, maybe, take
from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Registration
from app.wire.report import ReportAnswer
from worker.trust import trust

log = logging.getLogger(__name__)
CONNECT_S = 5.0
READ_S = 30.0
RECEIVE_BYTES = 256 * 1024
LARGEST_HEAD = 64 * 1024
FAULT = 500
NOT_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})
UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH})
NOT_US = frozenset({401, 403, 404})
"""The token or the node is not known: nothing is wrong with what was sent."""


class ApiError(Exception):
    """A call that did not succeed."""


class AwayError(ApiError):
    """Repeat the call after `after_s`, if it is said, or when you see fit. `fault`: the API broke on this very call.
    `silent`: nothing at all came back, as over a link that is cut.
    """

    def __init__(self, text: str, after_s: float | None = None, *, fault: bool = False, silent: bool = False) -> None:
        super().__init__(text)
        self.after_s = after_s
        self.fault = fault
        self.silent = silent


class UntrustedError(AwayError):
    """Whoever answered has no certificate that this node accepts."""


class RefusedError(ApiError):
    """The API understood and said no: `detail` in its own words. `stranger` is True when it does not know this token or
    node, `incompatible` when it does not serve the protocol that this node speaks.
    """

    def __init__(self, status: int, text: str, *, detail: str = "", incompatible: bool = False) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.detail = detail or text
        self.incompatible = incompatible

    @property
    def stranger(self) -> bool:
        return self.status in NOT_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """The API's answer to a registration, in its own figures. `broker_url` is empty when it was not asked for."""

    node_id: str
    lease_s: float
    heartbeat_s: float
    now_us: int
    broker_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """The database's clock as this node knows it: what it said, and when that was on the monotonic clock here."""

    now_us: int
    received: float

    def at(self, moment: float) -> int:
        """The database's time of a moment of the monotonic clock."""
        return self.now_us + int((moment - self.received) * 1_000_000)


class Api:
    """Safe for threads. `last_ok` is when an answer last came, on the monotonic clock. `ca_file` names certificates
    that the API's may come from besides the system's.
    """

    def __init__(self, url: str, token: str, ca_file: str = "") -> None:
        self.url = url.rstrip("/")
        self.last_ok = time.monotonic()
        self._place = Place.parse(self.url)
        self._tls = trust(ca_file) if self._place.tls else None
        self._prefix = f"{self._place.path}/v1/nodes"
        self._node = self._prefix
        headers = ["Content-Type: application/json", "User-Agent: flotilla-node"]
        if token:
            headers.append(f"Authorization: Bearer {token}")
        self._head = "".join(f"{line}\r\n" for line in (f"Host: {self._place.netloc}", *headers))
        self._idle: deque[Line] = deque()

    def register(self, registration: Registration) -> Registered:
        answer, _ = self._post(self._prefix, registration.encoded())
        with _read("registration"):
            registered = Registered(
                node_id=take(answer, "nodeId", str),
                lease_s=take(answer, "leaseS", float),
                heartbeat_s=take(answer, "heartbeatS", float),
                now_us=take(answer, "nowUs", int),
                broker_url=maybe(answer, "brokerUrl", str) or "",
            )
        self.named(registered.node_id)
        return registered

    def join(self, node_id: str, *, needs_broker: bool) -> str:
        """The node's own token, for the join token that this was made with. Refused when the node needs to be told the
        broker and the API knows none for it.
        """
        asked = {"nodeId": node_id, "needsBroker": needs_broker, protocol.FIELD: protocol.PROTOCOL}
        answer, _ = self._post(f"{self._prefix}/join", orjson.dumps(asked))
        with _read("join"):
            return take(answer, "token", str)

    def named(self, node_id: str) -> None:
        """The node's id, for the calls that are made before it has registered."""
        self._node = f"{self._prefix}/{node_id}"

    def claim(self, claim: Claim) -> tuple[ClaimAnswer, Clock]:
        answer, received = self._post(f"{self._node}/claims", claim.encoded())
        with _read("claim"):
            claimed = ClaimAnswer.from_wire(answer)
        return claimed, Clock(now_us=claimed.now_us, received=received)

    def report(self, batch: bytes) -> tuple[ReportAnswer, Clock]:
        """`batch` is a ReportBatch as JSON. A batch of which nothing was accepted is answered too, with all `stale`."""
        answer, received = self._post(f"{self._node}/reports", batch, also=409)
        with _read("report"):
            reported = ReportAnswer.from_wire(answer)
        return reported, Clock(now_us=reported.now_us, received=received)

    def heartbeat(self, heartbeat: Heartbeat, patience: "Patience | None" = None) -> HeartbeatAnswer:
        answer, _ = self._post(f"{self._node}/heartbeat", heartbeat.encoded(), patience=patience)
        with _read("heartbeat"):
            return HeartbeatAnswer.from_wire(answer)

    def close(self) -> None:
        """All connections that wait for a next call; such a call makes its own."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _post(self, path: str, body: bytes, also: int = 200, patience: "Patience | None" = None) -> tuple[Json, float]:
        head = f"POST {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        try:
            answer = self._exchange(head.encode("latin-1") + body, patience or USUAL)
        except ssl.SSLCertVerificationError as wrong:
            raise UntrustedError(
                f"the certificate of {self.url} is not accepted: {wrong.verify_message}; if it comes from an authority "
                "of your own, name that one's certificate with --ca-file (FLOTILLA_CA_FILE)"
            ) from None
        except OSError as problem:
            silent = isinstance(problem, TimeoutError) or problem.errno in UNREACHABLE
            raise AwayError(f"no answer from {self.url}: {problem}", silent=silent) from problem
        received = time.monotonic()
        if answer.status in (200, 201, also):
            self.last_ok = received
            try:
                return orjson.loads(answer.data), received
            except orjson.JSONDecodeError as problem:
                raise AwayError(f"{path} was answered by something that is not JSON: {problem}") from None
        if answer.status in NOT_NOW:
            after = answer.headers.get("retry-after", "")
            text = f"{path} was answered with {answer.status}"
            raise AwayError(text, float(after) if after.isdigit() else None, fault=answer.status == FAULT)
        raise _refusal(answer)

    def _exchange(self, request: bytes, patience: "Patience") -> "Answer":
        """On an idle connection if there is one; if the server has closed that, on a new one."""
        with contextlib.suppress(IndexError, ConnectionError, ssl.SSLError):
            return self._on(self._idle.pop(), request, patience.read_s)
        return self._on(Line(self._place, self._tls, patience.connect_s), request, patience.read_s)

    def _on(self, line: "Line", request: bytes, read_s: float) -> "Answer":
        try:
            answer = line.exchange(request, read_s)
        except TimeoutError:
            line.close()
            self.close()  # where one has gone silent, the others wait for the same that never comes
            raise
        except BaseException:
            line.close()
            raise
        if answer.headers.get("connection", "").lower() == "close":
            line.close()
        else:
            self._idle.append(line)
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a call waits for a connection, and then for each piece of the answer."""

    connect_s: float = CONNECT_S
    read_s: float = READ_S


USUAL = Patience()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the API listens."""

    tls: bool
    host: str
    port: int
    netloc: str
    path: str

    @classmethod
    def parse(cls, url: str) -> "Place":
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        return cls(
            tls=tls,
            host=parts.hostname or "localhost",
            port=parts.port or (443 if tls else 80),
            netloc=parts.netloc.rpartition("@")[2],
            path=parts.path.rstrip("/"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Header names are in lower case; of a repeated one the last counts."""

    status: int
    headers: dict[str, str]
    data: bytes


class Line:
    """One connection. One request at a time; after any error it is to be closed."""

    def __init__(self, place: Place, tls: ssl.SSLContext | None, connect_s: float) -> None:
        self._socket: socket.socket = socket.create_connection((place.host, place.port), connect_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self._socket = tls.wrap_socket(self._socket, server_hostname=place.host)
        self._data = b""

    def exchange(self, request: bytes, read_s: float) -> Answer:
        """Raises OSError."""
        self._socket.settimeout(read_s)
        self._socket.sendall(request)
        self._data = b""
        while (end := self._data.find(b"\r\n\r\n")) < 0:
            self._more()
            if len(self._data) > LARGEST_HEAD and b"\r\n\r\n" not in self._data:
                raise OSError("the answer's head has no end")
        first, *lines = self._data[:end].decode("latin-1").split("\r\n")
        self._data = self._data[end + 4 :]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        try:
            status = int(first.split(" ", 2)[1])
            data = self._chunks() if "chunked" in headers.get("transfer-encoding", "") else self._body(headers)
        except (ValueError, IndexError) as wrong:
            raise OSError(f"the answer is not HTTP: {first[:80]!r}: {wrong}") from None
        return Answer(status=status, headers=headers, data=data)

    def close(self) -> None:
        self._socket.close()

    def _body(self, headers: dict[str, str]) -> bytes:
        return self._take(int(headers["content-length"])) if "content-length" in headers else b""

    def _chunks(self) -> bytes:
        out = []
        while size := int(self._until(b"\r\n").split(b";")[0], 16):
            out.append(self._take(size))
            self._take(2)
        while self._until(b"\r\n"):
            """Trailers say nothing here."""
        return b"".join(out)

    def _take(self, size: int) -> bytes:
        while len(self._data) < size:
            self._more()
        out, self._data = self._data[:size], self._data[size:]
        return out

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._data:
            self._more()
        out, _, self._data = self._data.partition(mark)
        return out

    def _more(self) -> None:
        data = self._socket.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the server has closed the connection")
        self._data += data


@contextlib.contextmanager
def _read(what: str) -> Any:
    """An answer that does not have the agreed form is as good as none."""
    try:
        yield
    except (WireError, ValueError) as wrong:
        log.error("the API's answer to a %s is not of the agreed form: %s", what, wrong)
        raise AwayError(f"the answer to a {what} is not of the agreed form: {wrong}") from wrong


def _refusal(answer: Answer) -> RefusedError:
    try:
        problem = orjson.loads(answer.data)
        title, detail, errors = problem.get("title", ""), problem.get("detail", ""), problem.get("errors") or ()
        incompatible = any(error.get("pointer") == f"/{protocol.FIELD}" for error in errors)
    except (orjson.JSONDecodeError, AttributeError, TypeError):
        return RefusedError(answer.status, answer.data[:200].decode("utf-8", "replace"))
    text = f"{title}: {detail} {errors or ''}".strip(": ")
    return RefusedError(answer.status, text, detail=detail, incompatible=incompatible and answer.status == 409)
