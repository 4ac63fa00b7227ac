"""The audit trail of the requests: noted here, written to the store by a thread of its own, many at a time.

So a request pays a few microseconds for it. What was noted in the last moment before a crash is lost; the log of the
process has a line for each of them too. Refused logins are noted in full up to a number a minute, so that an attack
does not fill the disk; the rest of that minute is one entry that counts them.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import orjson
import structlog
from flask import Request, Response, g, request

from app.domain.errors import Unavailable
from app.ports.people import Entry
from app.rest import problems
from app.services import access, audit
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core

log = structlog.get_logger(__name__)

WRITTEN_EVERY_S: Final = 0.25
REFUSALS_A_MINUTE: Final = 60
OURS: Final = ("fl", "fla", "flr")
"""What our own tokens begin with; of others nothing is written down."""

_AT_ONCE: Final = 1000
_AWAY_S: Final = 2.0
_MOST_WAITING: Final = 20_000
_USE_NOTED_S: Final = 60.0
_LARGEST_ANSWER: Final = 64 << 10
_LONGEST: Final = 200


class Trail:
    """One for the application. A thread lives while there is something to write."""

    def __init__(self, core: Core, clock: Callable[[], float] = time.monotonic) -> None:
        self._core = core
        self._clock = clock
        self._entries: deque[Entry] = deque()
        self._uses: dict[str, float] = {}
        self._used: set[str] = set()
        self._refusals = (0, 0)  # the minute, and how many there were in it
        self._lost = 0
        self._turn = threading.Lock()  # of whoever writes
        self._writer: threading.Thread | None = None
        self._guard = threading.Lock()

    def note(self, entry: Entry) -> None:
        if len(self._entries) >= _MOST_WAITING:
            self._lost += 1
            return
        self._entries.append(entry)
        self._wake()

    def note_use(self, who: Principal) -> None:
        """Of a token; at most once a minute."""
        now = self._clock()
        if who.token_id and now - self._uses.get(who.token_id, -_USE_NOTED_S) >= _USE_NOTED_S:
            if len(self._uses) > _MOST_WAITING:
                self._uses.clear()
            self._uses[who.token_id] = now
            self._used.add(who.token_id)
            self._wake()

    def note_refusal(self, request: Request, text: str) -> None:
        """A login that was refused, by the token's id: never by its secret."""
        minute = int(self._clock() // 60)
        count = self._refusals[1] + 1 if self._refusals[0] == minute else 1
        if count == 1 and self._refusals[1] > REFUSALS_A_MINUTE:
            more = self._refusals[1] - REFUSALS_A_MINUTE
            self.note(_refusal(request, "", who=f"{more} more in a minute before"))
        self._refusals = (minute, count)
        if count <= REFUSALS_A_MINUTE:
            kind, _, rest = text.partition("_")
            self.note(_refusal(request, rest.partition("_")[0][:8] if kind in OURS else ""))

    def flush(self) -> bool:
        """Writes what was noted before; False when the store is away, and then it is kept for later."""
        with self._turn:
            while self._entries or self._used:
                used, self._used = self._used, set()
                batch = [self._entries.popleft() for _ in range(min(_AT_ONCE, len(self._entries)))]
                try:
                    audit.write(self._core, batch, used)
                except Unavailable:
                    self._entries.extendleft(reversed(batch))
                    return False
            if self._lost:
                log.error("the audit lacks entries; this log has a line for each change", count=self._lost)
                self._lost = 0
        return True

    def _wake(self) -> None:
        with self._guard:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="audit", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        pause_s = WRITTEN_EVERY_S
        while True:
            time.sleep(pause_s)
            try:
                pause_s = WRITTEN_EVERY_S if self.flush() else _AWAY_S
            except Exception:  # a bug, or the store was closed: what is waiting is in the log
                log.exception("the audit could not be written")
            with self._guard:
                if not self._entries:
                    self._writer = None
                    return


def entry_of(who: Principal, response: Response) -> Entry:
    """Of the request under way."""
    return Entry(
        org_id=who.org_id,
        at_us=_now_us(),
        who=who.name,
        token_id=who.token_id,
        address=request.remote_addr or "",
        method=request.method,
        route=(request.url_rule.rule if request.url_rule else request.path)[:_LONGEST],
        resource_id=_resource(response)[:_LONGEST],
        status=response.status_code,
        request_id=problems.request_id(request),
    )


def _refusal(request: Request, token_id: str, who: str = "") -> Entry:
    shown = "".join(letter for letter in token_id if letter.isalnum())
    return Entry(
        org_id=access.ORG,
        at_us=_now_us(),
        who=who,
        token_id=shown,
        address=request.remote_addr or "",
        method=request.method,
        route=request.path[:_LONGEST],
        resource_id="",
        status=401,
        request_id=problems.request_id(request),
    )


def _resource(response: Response) -> str:
    """What a view says that it is about, or what was made, by the answer; else the id that the address names last, else
    whatever it does.
    """
    if about := g.get("about"):
        return str(about)
    if response.status_code == 201 and response.is_json and (response.content_length or 0) < _LARGEST_ANSWER:
        made = orjson.loads(response.get_data())
        if isinstance(made, dict) and isinstance(made.get("id"), str | int):
            return str(made["id"])
    named = request.view_args or {}
    ids = [value for name, value in named.items() if name.endswith("_id")] or list(named.values())
    return str(ids[-1]) if ids else ""


def _now_us() -> int:
    return time.time_ns() * MICROSECONDS // 1_000_000_000
