"""A node on virtual time: the real ledger of a node, and a network that may lose and repeat whatever it says.

What has not been answered is said again, as a real node does; reports of a run stay in their order.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from app.domain.errors import NotFound
from app.services import claim, nodes, record
from app.services.core import Core
from app.wire.claim import Claim, RunSpec
from app.wire.heartbeat import Heartbeat, Held, Registration
from app.wire.protocol import PROTOCOL
from app.wire.report import Ending, LogLine, Report, ReportBatch
from app.wire.resources import Resources
from app.wire.states import RunState
from app.wire.usage import Usage
from tests.invariants import Reservations, Seen
from tests.services.world import sent
from tests.simulation.faults import MortalBroker, ProcessDied
from worker.intake import Abilities, Allocation, Intake


class Fate(Enum):
    """What the network does with a request and its answer."""

    OK = "ok"
    TWICE = "twice"
    ANSWER_LOST = "answer lost"
    LOST = "lost"


@dataclass(slots=True, kw_only=True)
class Slot:
    """One offer in work: its charge, the claim until it is answered, the runs to do, and the one that is being done.
    `done` are those that succeeded, of which others may follow.
    """

    charge: Allocation
    claim: Claim | None
    todo: list[RunSpec] = field(default_factory=list)
    doing: RunSpec | None = None
    began_us: int = 0
    asking: str | None = None
    done: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class SimNode:
    id: str
    core: Core
    clock: Callable[[], int]
    broker: MortalBroker
    seen: Seen
    total: Resources
    executors: tuple[str, ...] = ("command",)
    alive: bool = False
    stopped: bool = False
    slots: list[Slot] = field(default_factory=list)
    outbox: list[Report] = field(default_factory=list)
    echoes: list[ReportBatch] = field(default_factory=list)
    sequences: dict[str, int] = field(default_factory=dict)
    intake: Intake = field(init=False)
    offers: int = 0
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.start()

    # -- its life

    def start(self) -> None:
        """Also after a crash. Undelivered reports are still on its disk."""
        self.slots = []
        able = Abilities(
            total=self.total,
            slots=4,
            queues=frozenset({"@default"}),
            tags=frozenset(),
            executors=frozenset(self.executors),
        )
        self.intake = Intake(abilities=able)
        self.alive, self.stopped = True, False
        self.register()

    def register(self) -> None:
        asked = Registration(
            node_id=self.id,
            name=self.id,
            pid=1,
            total=self.total,
            queues=("@default",),
            tags=(),
            executors=self.executors,
            version="1",
            protocol=PROTOCOL,
        )
        while True:
            try:
                nodes.register(self.core, sent(asked))
                return
            except ProcessDied:
                continue

    def crash(self) -> None:
        self.alive = False
        self.slots = []

    @property
    def acts(self) -> bool:
        return self.alive and not self.stopped

    # -- work

    def pop(self, now: float) -> bool:
        """Take one message that fits."""
        keys = self.intake.offer(sorted(self.broker.announced | self.told), now)
        offer = self.broker.take(keys) if keys and not self.broker.away else None
        if offer is None:
            return False
        charge = self.intake.take(offer.route.key, now)
        assert charge is not None
        self.offers += 1
        asked = Claim(claim_id=f"{self.id}:{self.offers}", run_ids=offer.run_ids, free=self.intake.free)
        self.slots.append(Slot(charge=charge, claim=asked))
        return True

    def send_claim(self, slot: Slot, fate: Fate) -> None:
        if slot.claim is None or fate is Fate.LOST:
            return
        try:
            for _ in range(2 if fate is Fate.TWICE else 1):
                answer = sent(claim.claim(self.core, self.id, sent(slot.claim)))
        except ProcessDied:
            return
        except NotFound:
            self.register()
            return
        if fate is not Fate.ANSWER_LOST:
            slot.claim = None
            slot.todo = list(answer.runs)
            self._tidy(slot)

    def begin(self, slot: Slot) -> None:
        while slot.doing is None and slot.todo:
            slot.doing, slot.began_us = slot.todo.pop(0), self.clock()
            if slot.doing.follows is None or slot.doing.follows in slot.done:
                self.seen.started.append((slot.doing.run_id, slot.doing.fence))
            else:
                self.end(slot, RunState.LOST, takes=1, wall_s=0.0, released=True)

    def say(self, slot: Slot, progress: float) -> None:
        if slot.doing:
            number = self.sequences.get(slot.doing.run_id, 0) + 1
            line = LogLine(line=number, at_us=number, stream="stdout", level="info", text="")
            self.outbox.append(self._report(slot.doing, progress=progress, lines=(line,), started_at_us=slot.began_us))

    def end(self, slot: Slot, state: RunState, *, takes: int, wall_s: float, released: bool = False) -> None:
        if slot.doing is None:
            return
        spec, slot.doing = slot.doing, None
        last = not slot.todo
        ending = Ending(state=state, at_us=self.clock(), released=released)
        if state is RunState.SUCCEEDED:
            slot.done.add(spec.run_id)
        takes = takes if last and not self.intake.draining else 0
        self.outbox.append(self._report(spec, ending=ending, takes=takes, usage=Usage(wall_s=wall_s)))
        if takes:
            slot.asking = spec.run_id
        self._tidy(slot)

    def _report(self, spec: RunSpec, **said: object) -> Report:
        self.sequences[spec.run_id] = self.sequences.get(spec.run_id, 0) + 1
        sequence = self.sequences[spec.run_id]
        return Report(run_id=spec.run_id, fence=spec.fence, sequence=sequence, **said)  # type: ignore[arg-type]

    def _tidy(self, slot: Slot) -> None:
        """A slot with nothing left gives its charge back."""
        if slot.claim is None and slot.doing is None and not slot.todo and slot.asking is None and slot in self.slots:
            self.slots.remove(slot)
            self.intake.release(slot.charge)

    # -- what it says

    def send_reports(self, fate: Fate, most: int = 64) -> None:
        reports = tuple(self.outbox[:most])
        if not reports or fate is Fate.LOST:
            return
        batch = ReportBatch(free=self.intake.free, reports=reports)
        self.echoes.append(batch)
        try:
            for _ in range(2 if fate is Fate.TWICE else 1):
                answer = sent(record.record(self.core, self.id, sent(batch)))
        except ProcessDied:
            return
        except NotFound:
            self.register()
            return
        if fate is Fate.ANSWER_LOST:
            return
        del self.outbox[: len(reports)]
        for report in reports:
            if report.run_id not in answer.stale:
                self.seen.reported[report.run_id] = report.sequence
                self.seen.said |= {(report.run_id, line.line) for line in report.lines}
        self._kill(answer.stale)
        for run_id, specs in answer.handoffs.items():
            slot = next((slot for slot in self.slots if slot.asking == run_id), None)
            if slot is not None:
                slot.asking, slot.todo = None, list(specs)
                self._tidy(slot)
        for slot in list(self.slots):
            if slot.asking is not None and slot.asking in {report.run_id for report in reports if report.ending}:
                slot.asking = None
                self._tidy(slot)

    def echo(self, at: int) -> None:
        """An old batch arrives once more, long after; nobody waits for the answer."""
        if not self.echoes:
            return
        try:
            record.record(self.core, self.id, sent(self.echoes[at % len(self.echoes)]))
        except (ProcessDied, NotFound):
            return

    def beat(self, fate: Fate, *, leaving: bool = False) -> None:
        if fate is Fate.LOST:
            return
        said = Heartbeat(
            free=self.intake.free,
            held=tuple(Held(run_id=run_id, fence=fence) for run_id, fence in self._held().items()),
            draining=self.intake.draining,
            cpu_percent=0.0,
            used_memory_bytes=0,
            idle_s=0.0,
            leaving=leaving,
            protocol=PROTOCOL,
        )
        try:
            answer = sent(nodes.beat(self.core, self.id, sent(said)))
        except ProcessDied:
            return
        if fate is Fate.ANSWER_LOST:
            return
        if not answer.known:
            self.register()
            return
        self.intake.draining = answer.drain
        self.told |= set(answer.queues)
        self._kill(answer.stale)
        for slot in list(self.slots):
            slot_runs = [slot.doing, *slot.todo]
            for spec in slot_runs:
                if spec is not None and spec.run_id in answer.cancel:
                    self._end_canceled(slot, spec)

    def _held(self) -> dict[str, int]:
        """Also those whose ending has not been answered."""
        held = {report.run_id: report.fence for report in self.outbox if report.ending}
        for slot in self.slots:
            held |= {spec.run_id: spec.fence for spec in (slot.doing, *slot.todo) if spec is not None}
        return held

    def _end_canceled(self, slot: Slot, spec: RunSpec) -> None:
        if slot.doing is spec:
            self.end(slot, RunState.CANCELED, takes=0, wall_s=1.0)
        else:
            slot.todo.remove(spec)
            self.outbox.append(self._report(spec, ending=Ending(state=RunState.CANCELED, at_us=0)))
            self._tidy(slot)

    def _kill(self, stale: tuple[str, ...]) -> None:
        self.outbox = [report for report in self.outbox if report.run_id not in stale]
        for slot in list(self.slots):
            slot.todo = [spec for spec in slot.todo if spec.run_id not in stale]
            if slot.doing and slot.doing.run_id in stale:
                slot.doing = None
            if slot.asking in stale:
                slot.asking = None
            self._tidy(slot)

    def sample(self) -> Reservations:
        taken = tuple(slot.charge.shape for slot in self.slots)
        assert self.intake.recomputed() == self.intake.free
        return Reservations(node=self.id, total=self.total, free=self.intake.free, taken=taken)
