"""How do the parts of a node become one, and how does it end? Puts them together, starts and stops them in order.

Start: the folder is taken and leftovers are ended, reports that a former life could not deliver go out, the node
registers, then it listens. End (SIGTERM, SIGINT): nothing new is taken, runs have the grace to end, then they are ended
and reported as released. A second signal, or SIGQUIT, skips the grace; one more leaves at once. However the node dies,
its wardens end the trees (`worker/warden.py`).
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from app.wire import protocol
from app.wire.addresses import Gate
from app.wire.broker import Broker
from app.wire.heartbeat import Heartbeat, Registration
from app.wire.resources import Resources
from worker import consumer, host, joining, logs, supervise
from worker.api_client import Api, RefusedError, Registered, UntrustedError
from worker.capacity import capacity
from worker.config import Settings
from worker.desk import Desk
from worker.executors.offered import offered
from worker.heartbeat import Pulse, Wishes
from worker.intake import Abilities, Intake
from worker.outcome import Why
from worker.report import Reporter
from worker.slot import Slots
from worker.stage.cache import Cache
from worker.stage.rules import MIB, Rules
from worker.stage.staging import Staging

log = logging.getLogger(__name__)
LEFTOVER_PATIENCE_S = 30.0
"""For the reports of a former life: once the node has registered anew, its old runs count as lost. While the API is
away it could not register either, so that waiting for it costs nothing."""
TREES_S = 5.0
REPORTS_S = 3.0
LEAVE_S = 2.0
LOOK_S = 0.02
LEAST_DISK_BYTES = 16 * 1024 * 1024
UNUSABLE = 2
"""Exit code: the same again would fail again."""
INCOMPATIBLE = os.EX_PROTOCOL
"""Exit code: this node and the API are of versions that do not understand each other."""


class Node:
    """One for the process."""

    def __init__(self, app: Any, settings: Settings, connect: Callable[[Broker], None]) -> None:
        """`connect` tells the application where the broker is, once that is known."""
        logs.start(settings.node_name, settings.log_level)
        self.app = app
        self._connect = connect
        self.settings = settings
        supervise.become_subreaper()
        self.home = host.move_in(settings.node_dir)
        total = _total(settings)
        slots = settings.slots or max(8, 8 * total.cpu_milli // 1000)
        member = joining.membership(self.home, _wanted(settings))
        self.api = Api(member.server_url, member.token, settings.ca_file)
        self.api.named(self.home.node_id)
        self.offered = offered(
            settings.choices,
            mark=self.home.mark,
            api_url=member.server_url,
            node_id=self.home.node_id,
            folder=self.home.folder,
        )
        abilities = Abilities(
            total=total,
            slots=slots,
            queues=frozenset(settings.queues),
            tags=frozenset(settings.tags),
            executors=frozenset(self.offered.executors),
        )
        self.desk = Desk(intake=Intake(abilities=abilities), serve=self._serve)
        self.reporter = Reporter(
            api=self.api,
            folder=self.home.folder,
            free=self.desk.free,
            on_stale=lambda run_id: self.slots.stop(run_id, Why.STALE),
            on_handoff=lambda runs, clock: self.slots.decline(runs, clock),
        )
        self.slots = Slots(
            api=self.api,
            reporter=self.reporter,
            executors=self.offered.executors,
            staging=Staging.of(
                _rules(settings, member.server_url), Cache(self.home.folder / "cache", settings.cache_mb * MIB)
            ),
            scratch=self.home.scratch,
            handoff=settings.handoff,
            free=self.desk.free,
            holding=self.desk.holding,
            on_stranger=lambda: self.pulse.stranger(),
            most_grace_s=settings.clockwork.kill_grace_s,
        )
        self.pulse = Pulse(
            api=self.api,
            registration=Registration(
                node_id=self.home.node_id,
                name=settings.node_name,
                pid=os.getpid(),
                total=total,
                queues=settings.queues,
                tags=settings.tags,
                executors=tuple(sorted(self.offered.executors)),
                version=_version(),
                cards=self.offered.cards,
                protocol=protocol.PROTOCOL,
                needs_broker=not settings.broker.url,
            ),
            wishes=self._wishes(),
            interval_s=settings.clockwork.heartbeat_s,
            lease_s=settings.clockwork.lease_s,
        )
        self._load = host.Load()
        self._leaving = threading.Event()
        self._hurry = threading.Event()
        self._done = threading.Event()
        self._worker: consumer.NodeWorker | None = None
        self._code = 0

    def run(self) -> int:
        """Until it is told to end; the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _thread(self._end_in_order, "end")
        self.offered.python.warm()
        self.reporter.send_left(LEFTOVER_PATIENCE_S)
        if registered := self._registered():
            self._find_broker(registered)
            _thread(self.reporter.flush_for_ever, "reports")
            _thread(self.pulse.run_for_ever, "heartbeat")
            self._consume()
        broke = not self._leaving.is_set()
        if broke:
            log.error("the consumer of offers has ended by itself; the node ends too, to be started again")
            self._leaving.set()
        self._done.wait()
        return 1 if broke else self._code

    def _registered(self) -> Registered | None:
        """None when the node has to end instead."""
        try:
            return self.pulse.register_patiently()
        except UntrustedError as untrusted:
            self._give_up(str(untrusted), UNUSABLE)
        except RefusedError as refused:
            self._turned_away(refused)
        return None

    def _find_broker(self, registered: Registered) -> None:
        """By the settings, or else as the API names it."""
        where = self.settings.broker
        self._connect(where.broker(registered.broker_url))
        if not where.url:
            log.info("the API names the broker: %s", urlsplit(registered.broker_url).hostname or "a socket")

    def _turned_away(self, refused: RefusedError) -> None:
        code = INCOMPATIBLE if refused.incompatible else UNUSABLE
        self._give_up(f"{self.api.url} refuses this node: {refused.detail}", code)

    def _give_up(self, why: str, code: int) -> None:
        """The node ends in order, as when it is told to, with this code."""
        print(f"this node ends: {why}", file=sys.stderr, flush=True)
        self._code = code
        self._leaving.set()

    def _consume(self) -> None:
        """Celery's event loop, in the main thread, until `consumer.leave`."""
        settings = self.settings
        consumer.bind(self.desk, self.slots.events)
        consumer.when_asked_to_beat(self.home.node_id, self.pulse.beat_now)
        for step in (consumer.Gate, consumer.Unblock, consumer.Courier):
            self.app.steps["consumer"].add(step)
        self._worker = consumer.NodeWorker(
            app=self.app,
            hostname=f"{settings.node_name}@{self.home.node_id}",
            pool_cls=consumer.SlotPool,
            concurrency=self.desk.intake.abilities.slots,
            loglevel=settings.log_level,
            quiet=True,
            without_gossip=True,
            without_mingle=True,
            heartbeat_interval=15,
            without_heartbeat=not settings.events,
            task_events=settings.events,
        )
        if not self._leaving.is_set():
            self._worker.start()

    def _serve(self, run_ids: Sequence[str], room: Resources) -> None:
        self.slots.serve(run_ids, room)

    def _wishes(self) -> Wishes:
        return Wishes(
            present=self._present,
            cancel=lambda run_id: self.slots.stop(run_id, Why.CANCELED),
            stale=lambda run_id: self.slots.stop(run_id, Why.STALE),
            drain=self._drain,
            queues=lambda keys: consumer.Courier.want(self.desk.listed(keys)),
            fence=lambda lost: self.desk.set(paused=lost or self._disk_full()),
            housekeep=self._housekeep,
            alive=self._say_alive,
            turned_away=self._turned_away,
        )

    def _present(self) -> Heartbeat:
        return Heartbeat(
            free=self.desk.free(),
            held=self.slots.held(),
            draining=self.desk.intake.draining,
            cpu_percent=self._load.cpu_percent(),
            used_memory_bytes=self._load.used_memory_bytes(),
            idle_s=round(self.desk.idle_s(), 3),
            protocol=protocol.PROTOCOL,
        )

    def _drain(self, wanted: bool) -> None:
        """The API may also take it back; a node that leaves stays draining."""
        draining = wanted or self._leaving.is_set()
        self.slots.draining = draining
        self.desk.set(draining=draining)

    def _housekeep(self, now: float) -> None:
        self.offered.trim(now)
        clockwork = self.settings.clockwork
        starving = self.desk.starving(clockwork.starving_s)
        if starving and consumer.hold(starving, self.home.node_id, clockwork.hold_s):
            self.desk.hold(starving, clockwork.hold_s)

    def _say_alive(self) -> None:
        """Whether or not the API answers: a node is not to be ended because of that."""
        if self.settings.alive_file is None:
            return
        try:
            self.settings.alive_file.touch()
        except OSError as problem:
            log.warning("cannot say that this node is alive: %s", problem)

    def _disk_full(self) -> bool:
        """Too little room for scratch folders and reports: then nothing new is taken."""
        return self.home.room_bytes() < LEAST_DISK_BYTES

    def _on_signal(self, number: int, frame: object) -> None:
        if self._hurry.is_set():
            os._exit(1)
        if self._leaving.is_set() or number == signal.SIGQUIT:
            self._hurry.set()
        self._leaving.set()

    def _end_in_order(self) -> None:
        """The thread that waits for the end."""
        self._leaving.wait()
        self._drain(True)
        self.pulse.beat_now()
        self._until_idle(self.settings.grace_s, hurry=True)
        self.slots.give_back()
        self._until_idle(TREES_S)
        self.pulse.beat_now()
        self.reporter.send_left(REPORTS_S)
        self.reporter.close()
        self._until_idle(1.0)
        self.pulse.close()
        self.pulse.say_goodbye()
        self.offered.close()
        self._done.set()
        if self._worker is not None:
            consumer.leave(self._worker)
        time.sleep(LEAVE_S)
        os._exit(self._code)

    def _until_idle(self, patience_s: float, hurry: bool = False) -> None:
        until = time.monotonic() + patience_s
        while self.desk.busy and time.monotonic() < until and not (hurry and self._hurry.is_set()):
            self._hurry.wait(LOOK_S) if hurry else time.sleep(LOOK_S)


def _total(settings: Settings) -> Resources:
    found = capacity()
    return Resources(
        cpu_milli=found.cpu_milli if settings.cpus is None else round(settings.cpus * 1000),
        memory_mib=found.memory_mib if settings.memory_mb is None else settings.memory_mb,
    )


def _wanted(settings: Settings) -> joining.Wanted:
    return joining.Wanted(
        server_url=settings.server_url,
        node_token=settings.node_token,
        join_token=settings.join_token,
        ca_file=settings.ca_file,
        needs_broker=not settings.broker.url,
    )


def _rules(settings: Settings, server_url: str) -> Rules:
    gate = Gate.parse(allow=settings.fetch_allow, ports=settings.fetch_ports, plain=settings.fetch_http)
    return Rules(
        server_url=server_url,
        ca_file=settings.ca_file,
        gate=gate,
        file_roots=settings.file_roots,
        file_bytes=settings.file_mb * MIB,
        transfer_s=settings.transfer_s,
    )


def _version() -> str:
    try:
        return version("flotilla")
    except PackageNotFoundError:
        return "unknown"


def _thread(target: Any, name: str) -> None:
    threading.Thread(target=target, name=f"flotilla-{name}", daemon=True).start()
