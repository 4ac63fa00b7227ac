"""Events reach those who follow them: one thread of the process asks the store for new ones and hands them to all
streams. It lives while there is a stream.

A stream that begins in the past first reads its way to the present, a page at a time; from then on it is given what is
new. Who follows is asked for again and again (`Wish.alive`), and hears a comment when nothing has happened for a while.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from app.adapters.event_stream import EventStream
from app.domain.errors import Unavailable
from app.ports.live import Wish
from app.ports.records import Event, Page
from app.ports.store import Store

log = structlog.get_logger(__name__)

LOOK_S: Final = 0.25
HEARTBEAT_S: Final = 15.0
ASK_AGAIN_S: Final = 30.0
A_HOLDER: Final = 5
_RETRY_S: Final = 10
_AT_ONCE: Final = 500
HEARTBEAT: Final = b": still here\n\n"


class EventStreams:
    """`frame` is how an event is shown. `most` streams in all, `a_holder` for one who follows."""

    def __init__(
        self,
        store: Store,
        frame: Callable[[Event], bytes],
        *,
        most: int,
        a_holder: int = A_HOLDER,
        look_s: float = LOOK_S,
        heartbeat_s: float = HEARTBEAT_S,
        ask_again_s: float = ASK_AGAIN_S,
    ) -> None:
        self._store, self._frame = store, frame
        self._most, self._a_holder = most, a_holder
        self._look_s, self._heartbeat_s, self._ask_again_s = look_s, heartbeat_s, ask_again_s
        self._streams: list[EventStream] = []
        self._closed = threading.Event()
        self._guard = threading.Lock()
        self._reader: threading.Thread | None = None

    def follow(self, wish: Wish) -> EventStream:
        with self._guard:
            self._refuse_too_many(wish.holder)
            stream = EventStream(wish, time.monotonic(), self._leave)
            self._streams.append(stream)
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, name="events", daemon=True)
                self._reader.start()
        return stream

    def _refuse_too_many(self, holder: str) -> None:
        if self._closed.is_set():
            raise Unavailable("this server is stopping; follow another one, or come back", _RETRY_S)
        if len(self._streams) >= self._most:
            raise Unavailable(
                f"{self._most} streams are open, which is the most; ask for a list with ?after=", _RETRY_S
            )
        if sum(stream.wish.holder == holder for stream in self._streams) >= self._a_holder:
            raise Unavailable(
                f"you have {self._a_holder} streams open, which is the most; close one, or ask for a list with ?after=",
                _RETRY_S,
            )

    def count(self) -> int:
        return len(self._streams)

    def close(self) -> None:
        self._closed.set()
        for stream in list(self._streams):
            stream.close()

    def _leave(self, stream: EventStream) -> None:
        with self._guard:
            if stream in self._streams:
                self._streams.remove(stream)

    def _read(self) -> None:
        last: int | None = None
        away = False
        while True:
            streams = list(self._streams)
            try:
                last = self._look(streams, last)
                away = False
            except Unavailable as problem:
                if not away:
                    log.warning("events are not read now", reason=str(problem))
                away = True
            except Exception:  # whatever it was, the next look finds the same events
                log.exception("events could not be read")
                away = True
            self._look_after(streams)
            with self._guard:
                if not self._streams:
                    self._reader = None
                    return
            if away or not any(stream.behind for stream in streams):
                self._closed.wait(self._look_s)

    def _look(self, streams: Sequence[EventStream], last: int | None) -> int:
        """Gives everybody what is new; the number of the last event that was read."""
        known = self._store.read(lambda tx: tx.last_event()) if last is None else last
        while fresh := self._fresh(known):
            self._hand_out([stream for stream in streams if stream.current], fresh)
            known = fresh[-1].seq
            if len(fresh) < _AT_ONCE:
                break
        for stream in streams:
            if stream.behind:
                self._catch_up(stream)
        return known

    def _fresh(self, known: int) -> list[Event]:
        return self._store.read(lambda tx: tx.events_after(known, _AT_ONCE))

    def _hand_out(self, streams: Sequence[EventStream], fresh: Sequence[Event]) -> None:
        frames: dict[int, bytes] = {}
        now = time.monotonic()
        for stream in streams:
            wish = stream.wish
            own = [
                event
                for event in fresh
                if event.org_id == wish.org_id and event.seq > stream.position and wish.job_id in (None, event.job_id)
            ]
            for event in own:
                if event.seq not in frames:
                    frames[event.seq] = self._frame(event)
            if own:
                stream.position = own[-1].seq
                stream.put(b"".join(frames[event.seq] for event in own), now)

    def _catch_up(self, stream: EventStream) -> None:
        """One page. What is read here is no older than what was last handed out, so that nothing lies between."""
        wish = stream.wish
        page = Page(limit=_AT_ONCE, after=(stream.position,))
        found = self._store.read(lambda tx: tx.events(wish.org_id, page, wish.job_id))
        stream.current = len(found) < _AT_ONCE
        if found:
            stream.position = found[-1].seq
            stream.put(b"".join(map(self._frame, found)), time.monotonic())

    def _look_after(self, streams: Sequence[EventStream]) -> None:
        now = time.monotonic()
        for stream in streams:
            if now - stream.heard_at >= self._heartbeat_s:
                stream.put(HEARTBEAT, now)
            if now - stream.asked_at >= self._ask_again_s:
                stream.asked_at = now
                if not self._is_alive(stream.wish):
                    stream.close()
            if stream.over:
                stream.close()

    def _is_alive(self, wish: Wish) -> bool:
        try:
            return wish.alive()
        except Unavailable:
            return True
