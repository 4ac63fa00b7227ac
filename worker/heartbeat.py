"""How does a node stay alive, and how do the API's wishes reach it? One thread, one request every few seconds.

`step` is one beat. It acts on the answer through `Wishes`, which the node's main file wires to slots and consumer.
When nothing has been heard for a lease the node works on but takes nothing new: its runs may be somebody else's by
then, and their reports will be refused by their fence.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.wire.heartbeat import Heartbeat, HeartbeatAnswer, Registration
from worker.api_client import Api, AwayError, RefusedError, Registered

log = logging.getLogger(__name__)


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


@dataclass(slots=True, kw_only=True)
class Pulse:
    """The node's heartbeat. `beat_now` may be called from any thread."""

    api: Api
    registration: Registration
    wishes: Wishes
    interval_s: float
    lease_s: float
    _soon: threading.Event = field(default_factory=threading.Event)
    _stranger: bool = False
    _closed: bool = False

    def register(self) -> Registered:
        """Raises AwayError or RefusedError."""
        registered = self.api.register(self.registration)
        self._stranger = False
        return registered

    def register_patiently(self) -> bool:
        """Until the API has answered; False when the node was told to stop meanwhile."""
        pause_s = 0.1
        while not self._closed:
            try:
                self.register()
                return True
            except AwayError as away:
                log.warning("cannot register yet: %s", away)
            except RefusedError as refused:
                log.error("the API refused to register this node (is FLOTILLA_NODE_TOKEN right?): %s", refused)
            self._soon.wait(pause_s)
            pause_s = min(5.0, pause_s * 1.3)
        return False

    def step(self) -> None:
        """One beat."""
        try:
            if self._stranger:
                self.register()
            answer = self.api.heartbeat(self.wishes.present())
        except AwayError as away:
            log.warning("no heartbeat: %s", away)
        except RefusedError as refused:
            log.error("heartbeat refused: %s", refused)
            self._stranger = self._stranger or refused.stranger
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
            self._soon.wait(self.interval_s)

    def close(self) -> None:
        self._closed = True
        self._soon.set()

    def say_goodbye(self) -> None:
        """The last beat, after `close`: the API need not wait for the lease to know that this node is gone."""
        try:
            self.api.heartbeat(replace(self.wishes.present(), leaving=True))
        except (AwayError, RefusedError) as problem:
            log.warning("nobody heard this node say goodbye: %s", problem)

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
