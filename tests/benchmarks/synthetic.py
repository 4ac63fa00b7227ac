"""A node without processes, HTTP or broker: what do the services alone cost? It ends every run the moment it has it.

It works in the order a node of several slots would: each slot holds one bundle, reports all of it in one batch, and
goes on with what the answer hands over, else with the oldest offer.
"""

import itertools
from collections import deque

from app.adapters.memory.broker import MemoryBroker
from app.services import claim, nodes, record
from app.services.core import Core
from app.wire.claim import MAX_BUNDLE, Claim, RunSpec
from app.wire.heartbeat import Registration
from app.wire.protocol import PROTOCOL
from app.wire.report import Ending, Report, ReportBatch
from app.wire.resources import Resources
from app.wire.states import RunState
from app.wire.usage import Usage

NODE_ID = "00000000-0000-7000-8000-00000000beef"
USAGE = Usage(wall_s=0.0001, cpu_user_s=0.0001, peak_rss_bytes=1 << 20, max_processes=1)


class SyntheticNode:
    """`ended` has the names of the tasks in the order in which their runs ended; `calls` counts claims and reports."""

    def __init__(self, core: Core, broker: MemoryBroker, *, slots: int = 2, takes: int = MAX_BUNDLE) -> None:
        self._core = core
        self._takes = takes
        self._broker = broker
        self._slots = slots
        self._numbers = itertools.count()
        self._shape = Resources(cpu_milli=1000, memory_mib=512)
        self._held: deque[tuple[RunSpec, ...]] = deque()
        self.ended: list[str] = []
        self.calls = 0
        total = Resources(cpu_milli=1000 * slots, memory_mib=512 * slots)
        asked = Registration(
            node_id=NODE_ID,
            name="synthetic",
            pid=1,
            total=total,
            queues=("@default",),
            tags=(),
            executors=("python",),
            version="0",
            protocol=PROTOCOL,
        )
        nodes.register(core, asked)

    def drain(self) -> None:
        """Until nothing is offered and nothing is held."""
        while True:
            while len(self._held) < self._slots and (offer := self._broker.take()):
                self._claim(offer.run_ids)
            if not self._held:
                return
            self._report(self._held.popleft())

    @property
    def _free(self) -> Resources:
        count = self._slots - len(self._held)
        return Resources(cpu_milli=1000 * count, memory_mib=512 * count)

    def _claim(self, run_ids: tuple[str, ...]) -> None:
        self.calls += 1
        asked = Claim(claim_id=f"claim-{next(self._numbers)}", run_ids=run_ids, free=self._free - self._shape)
        answer = claim.claim(self._core, NODE_ID, asked)
        if answer.runs:
            self._held.append(answer.runs)

    def _report(self, runs: tuple[RunSpec, ...]) -> None:
        """The last of a bundle asks for what comes next, as a node's slot does."""
        self.calls += 1
        now_us = self._core.store.read(lambda tx: tx.now_us)
        reports = tuple(
            Report(
                run_id=spec.run_id,
                fence=spec.fence,
                sequence=1,
                started_at_us=now_us,
                usage=USAGE,
                ending=Ending(state=RunState.SUCCEEDED, at_us=now_us),
                takes=self._takes if spec is runs[-1] else 0,
            )
            for spec in runs
        )
        answer = record.record(self._core, NODE_ID, ReportBatch(free=self._free - self._shape, reports=reports))
        self.ended += [spec.task for spec in runs]
        for handed in answer.handoffs.values():
            if handed:
                self._held.append(handed)
