"""How does a node stay alive, and how do the API's wishes reach it? One thread, one request every few seconds.

`step` is one beat. It acts on the answer through `Wishes`, which the node's main file wires to slots and consumer.
When nothing has been heard for a lease the node works on but takes nothing new: its runs may be somebody else's by
then, and their reports will be refused by their fence.

A link that is cut is silent: a beat that is not answered within an interval is given up and another tried on a new
connection, soon and often, so that a cut that is shorter than a lease costs nothing. An API that is merely slow is
given more time at the second try.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from msgspec import structs

from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Registration
from worker.api_client import READ_S, Api, AwayError, Patience, RefusedError, Registered, UntrustedError
from worker.skew import Skew

log = logging.getLogger(__name__)
LEAST_PATIENCE_S = 1.0
AGAIN = 5
"""So many times an interval a beat is tried again while the link seems to be cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the API may want, and what is asked of the node for a beat."""

    present: Callable[[], Heartbeat]
    cancel: Callable[[str], None]
    stale: Callable[[str], None]
    drain: Callable[[bool], None]
    queues: Callable[[tuple[str, ...]], None]
    fence: Callable[[bool], None]
    housekeep: Callable[[float], None]
    alive: Callable[[], None]
    turned_away: Callable[[RefusedError], None]
    """The API does not serve the protocol that this node speaks."""


@dataclass(slots=True, kw_only=True)
class Pulse:
    """The node's heartbeat. `beat_now` may be called from any thread."""

    api: Api
    registration: Registration
    wishes: Wishes
    interval_s: float
    lease_s: float
    skew: Skew = field(default_factory=Skew)
    _soon: threading.Event = field(default_factory=threading.Event)
    _stranger: bool = False
    _closed: bool = False
    _heard: bool = True
    _is_cut: bool = False

    def register(self) -> Registered:
        """Raises AwayError or RefusedError."""
        sent_at = time.time()
        registered = self.api.register(self.registration)
        self.skew.note(sent_at, time.time(), registered.now_us)
        self._stranger = False
        return registered

    def register_patiently(self) -> Registered | None:
        """Until the API has answered; None when the node was told to stop meanwhile. Raises UntrustedError, and
        RefusedError when the refusal is not about the token, which may be put right while the node waits.
        """
        pause_s = 0.1
        while not self._closed:
            self.wishes.alive()
            try:
                return self.register()
            except UntrustedError:
                raise
            except AwayError as away:
                log.warning("cannot register yet: %s", away)
            except RefusedError as refused:
                if not refused.stranger:
                    raise
                log.error(
                    "the API refused to register this node (FLOTILLA_NODE_TOKEN is wrong, or the node's token was "
                    "revoked and it has to join anew): %s",
                    refused,
                )
            self._soon.wait(pause_s)
            pause_s = min(5.0, pause_s * 1.3)
        return None

    def step(self) -> None:
        """One beat."""
        self.wishes.alive()
        try:
            if self._stranger:
                self.register()
            answer = self._beat(self.wishes.present())
            self._note_heard(True)
        except AwayError as away:
            self._note_heard(False, str(away))
            self._is_cut = away.silent
        except RefusedError as refused:
            self._note_heard(True)
            log.error("heartbeat refused: %s", refused)
            self._stranger = self._stranger or refused.stranger
            if refused.incompatible:
                self.wishes.turned_away(refused)
        else:
            self._obey(answer)
        now = time.monotonic()
        self.wishes.fence(now - self.api.last_ok > self.lease_s)
        self.wishes.housekeep(now)

    def stranger(self) -> None:
        """Somebody was told that the API does not know this node."""
        self._stranger = True
        self.beat_now()

    def beat_now(self) -> None:
        self._soon.set()

    def run_for_ever(self) -> None:
        while not self._closed:
            self._soon.clear()
            try:
                self.step()
            except Exception:  # a bug of ours must not silence the node, or its runs are given to others
                log.exception("a heartbeat went wrong")
            self._soon.wait(self.interval_s / AGAIN if self._is_cut else self.interval_s)

    def close(self) -> None:
        self._closed = True
        self._soon.set()

    def say_goodbye(self) -> None:
        """The last beat, after `close`: the API need not wait for the lease to know that this node is gone."""
        try:
            self._beat(structs.replace(self.wishes.present(), leaving=True))
        except (AwayError, RefusedError) as problem:
            log.warning("nobody heard this node say goodbye: %s", problem)

    def _beat(self, said: Heartbeat) -> HeartbeatAnswer:
        sent_at = time.time()
        enough_s = max(self.interval_s, LEAST_PATIENCE_S)
        usual = Patience(connect_s=enough_s, read_s=enough_s)
        patience = usual if self._heard else replace(usual, read_s=READ_S)
        answer = self.api.heartbeat(structs.replace(said, clock_skew_ms=self.skew.milliseconds), patience)
        self.skew.note(sent_at, time.time(), answer.now_us)
        return answer

    def _note_heard(self, heard: bool, problem: str = "") -> None:
        """The first beat that fails is logged, and the first that does not again."""
        if heard and not self._heard:
            log.warning("the API hears this node again")
        elif self._heard and not heard:
            log.warning("no heartbeat: %s; trying again until it is heard", problem)
        self._heard = heard
        self._is_cut = self._is_cut and not heard

    def _obey(self, answer: HeartbeatAnswer) -> None:
        if not answer.known:
            self._stranger = True
            self._soon.set()
            return
        for run_id in answer.cancel:
            self.wishes.cancel(run_id)
        for run_id in answer.stale:
            self.wishes.stale(run_id)
        self.wishes.drain(answer.drain)
        self.wishes.queues(answer.queues)
