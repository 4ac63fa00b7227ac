"""A node presents itself and stays alive: registration once a start, a heartbeat every few seconds."""

from typing import Final

from app.wire.cards import Card
from app.wire.codec import Int, Message
from app.wire.resources import Resources

MOST_SKEW_S: Final = 5
"""A node's clock that is further off is worth a warning; times of runs are the database's all the same."""


class Registration(Message, frozen=True, kw_only=True):
    """A node as it starts. `node_id` is kept on its disk over restarts; each start is a new incarnation. `cards` tell
    more of some of its executors. `protocol` is the form it speaks. `needs_broker`: it was told no broker, the answer
    is to name one.
    """

    node_id: str
    name: str
    pid: Int
    total: Resources
    queues: tuple[str, ...]
    tags: tuple[str, ...]
    executors: tuple[str, ...]
    version: str
    cards: tuple[Card, ...] = ()
    protocol: Int = 1
    needs_broker: bool = False


class Held(Message, frozen=True, kw_only=True):
    """A run the node holds, as its heartbeat names it."""

    run_id: str
    fence: Int


class Heartbeat(Message, frozen=True, kw_only=True):
    """Every few seconds from a thread of its own. `idle_s` is how long the node has had room and popped nothing.

    `leaving`: this is the node's last word, it holds nothing and stops. `clock_skew_ms` is how far the node's wall
    clock is ahead of the database's, as far as the node knows; nothing is decided by it.
    """

    free: Resources
    held: tuple[Held, ...]
    draining: bool
    cpu_percent: float
    used_memory_bytes: Int
    idle_s: float
    leaving: bool = False
    clock_skew_ms: Int | None = None
    protocol: Int = 1


class HeartbeatAnswer(Message, frozen=True, kw_only=True):
    """`cancel`: end these now. `stale`: no longer this node's. `queues`: broker queues with offers that it may serve.
    `known` is false when the API does not know the node: it registers again.
    """

    now_us: Int
    known: bool
    drain: bool
    cancel: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
