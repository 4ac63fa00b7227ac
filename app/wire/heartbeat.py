"""A node presents itself and stays alive: registration once a start, a heartbeat every few seconds."""

from dataclasses import dataclass

from app.wire.cards import Card
from app.wire.codec import Json, each, part, take, text
from app.wire.resources import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A node as it starts. `node_id` is kept on its disk over restarts; each start is a new incarnation. `cards` tell
    more of some of its executors.
    """

    node_id: str
    name: str
    pid: int
    total: Resources
    queues: tuple[str, ...]
    tags: tuple[str, ...]
    executors: tuple[str, ...]
    version: str
    cards: tuple[Card, ...] = ()

    def to_wire(self) -> Json:
        return {
            "nodeId": self.node_id,
            "name": self.name,
            "pid": self.pid,
            "total": self.total.to_wire(),
            "queues": list(self.queues),
            "tags": list(self.tags),
            "executors": list(self.executors),
            "version": self.version,
            "cards": [card.to_wire() for card in self.cards],
        }

    @classmethod
    def from_wire(cls, source: Json) -> "Registration":
        return cls(
            node_id=take(source, "nodeId", str),
            name=take(source, "name", str),
            pid=take(source, "pid", int),
            total=part(source, "total", Resources.from_wire),
            queues=each(source, "queues", text),
            tags=each(source, "tags", text),
            executors=each(source, "executors", text),
            version=take(source, "version", str),
            cards=each(source, "cards", Card.from_wire),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run the node holds, as its heartbeat names it."""

    run_id: str
    fence: int

    def to_wire(self) -> Json:
        return {"runId": self.run_id, "fence": self.fence}

    @classmethod
    def from_wire(cls, source: Json) -> "Held":
        return cls(run_id=take(source, "runId", str), fence=take(source, "fence", int))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """Every few seconds from a thread of its own. `idle_s` is how long the node has had room and popped nothing.

    `leaving`: this is the node's last word, it holds nothing and stops.
    """

    free: Resources
    held: tuple[Held, ...]
    draining: bool
    cpu_percent: float
    used_memory_bytes: int
    idle_s: float
    leaving: bool = False

    def to_wire(self) -> Json:
        return {
            "free": self.free.to_wire(),
            "held": [held.to_wire() for held in self.held],
            "draining": self.draining,
            "cpuPercent": self.cpu_percent,
            "usedMemoryBytes": self.used_memory_bytes,
            "idleS": self.idle_s,
            "leaving": self.leaving,
        }

    @classmethod
    def from_wire(cls, source: Json) -> "Heartbeat":
        return cls(
            free=part(source, "free", Resources.from_wire),
            held=each(source, "held", Held.from_wire),
            draining=take(source, "draining", bool),
            cpu_percent=take(source, "cpuPercent", float),
            used_memory_bytes=take(source, "usedMemoryBytes", int),
            idle_s=take(source, "idleS", float),
            leaving=bool(source.get("leaving")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAnswer:
    """`cancel`: end these now. `stale`: no longer this node's. `queues`: broker queues with offers that it may serve.
    `known` is false when the API does not know the node: it registers again.
    """

    now_us: int
    known: bool
    drain: bool
    cancel: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()

    def to_wire(self) -> Json:
        return {
            "nowUs": self.now_us,
            "known": self.known,
            "drain": self.drain,
            "cancel": list(self.cancel),
            "stale": list(self.stale),
            "queues": list(self.queues),
        }

    @classmethod
    def from_wire(cls, source: Json) -> "HeartbeatAnswer":
        return cls(
            now_us=take(source, "nowUs", int),
            known=take(source, "known", bool),
            drain=take(source, "drain", bool),
            cancel=each(source, "cancel", text),
            stale=each(source, "stale", text),
            queues=each(source, "queues", text),
        )
