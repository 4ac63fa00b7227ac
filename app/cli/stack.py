"""A Flotilla on one machine: in which order do its processes start, when is it ready, how does it end?

broker -> web and nodes together -> ready, once the web process says so and every node has registered -> engine

The engine comes last: it and the web process would both set up an empty database, and what it is for, mending what
went wrong, can wait a second longer than a person at a terminal. Standard library only, as plan.py.
"""

import contextlib
import http.client
import json
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.adapters.embedded_broker import BrokerMissingError, EmbeddedBroker, embedded_broker
from app.cli.children import MISUSED, Child, Program, end
from app.cli.failures import Failure
from app.cli.plan import Plan

BROKER_PATIENCE_S = 30.0
READY_PATIENCE_S = 60.0
DRAIN_PATIENCE_S = 15.0  # beyond the grace of runs
STOP_PATIENCE_S = 5.0
FALLS_AT_START = 3
"""A process that ended so often before the fleet was ready will not do better."""
GLANCE_S = 0.02


@dataclass(slots=True, kw_only=True)
class Stack:
    """`lock` is the data folder's; the broker holds it too, so that nobody starts on a folder that has one. `hurried`
    says whether a stop that waits shall wait no longer.
    """

    plan: Plan
    lock: int
    tell: Callable[[str], None]
    hurried: Callable[[], bool]
    broker: EmbeddedBroker | None = None
    children: list[Child] = field(default_factory=list)

    def start(self, wanted: Callable[[], bool]) -> bool:
        """False when it is not wanted any more before it is ready. Raises Failure when something does not start."""
        if self.plan.own_broker:
            self._start_broker()
        broker = {"FLOTILLA_BROKER_URL": self.broker.url} if self.broker else {}
        self.plan.data.make_secrets_key()
        for path in (self.plan.data.token_file, self.plan.data.node_token_file):
            self.plan.data.token(path)
        self._add(self.plan.web(broker))
        for number in range(1, self.plan.nodes + 1):
            self._add(self.plan.node(number, broker))
        if not self._until(self._web_is_ready, wanted, "the web process"):
            return False
        if not self._until(self._nodes_are_ready, wanted, "the nodes"):
            return False
        self._add(self.plan.engine(broker))
        if self.plan.flower_port is not None:
            self._add(self.plan.flower(broker))
        return True

    def login_path(self) -> str | None:
        """Of a link that logs a browser in once; None when there is none to be had."""
        made = self._ask("/ui/link", "POST")
        return str(made["path"]) if made else None

    def step(self) -> None:
        """Looks after every process once."""
        for child, code in self._look():
            self._tell_end(child, code)

    def stop(self) -> None:
        """Nodes first, while there is a server that hears what became of their runs; the broker last."""
        nodes = [child for child in self.children if child.program.name.startswith("node-")]
        brokers = [child for child in self.children if child.program.name == "broker"]
        others = [child for child in self.children if child not in nodes and child not in brokers]
        forced = end(nodes, self.plan.grace_s + DRAIN_PATIENCE_S, self.hurried)
        forced += end(others, STOP_PATIENCE_S, self.hurried)
        forced += end(brokers, STOP_PATIENCE_S, self.hurried)
        if forced and not self.hurried():
            self.tell(f"did not end by themselves and were killed: {', '.join(forced)}")
        if self.broker:
            self.broker.clear()

    def _look(self) -> list[tuple[Child, int]]:
        """Those that have ended since the last look, and how; they are started again when that is due."""
        now = time.monotonic()
        return [(child, code) for child in self.children if (code := child.step(now)) is not None]

    def _tell_end(self, child: Child, code: int) -> None:
        pause_s = child.pause_s
        again = f"started again in {pause_s:g} s" if pause_s else "started again"
        self.tell(f"{child.program.name} ended ({_how(code)}), {again}; its log is {child.log}")

    def _add(self, program: Program) -> Child:
        child = Child(program=program, log=self.plan.data.logs / f"{program.name}.log")
        self.children.append(child)
        child.start()
        return child

    def _start_broker(self) -> None:
        try:
            self.broker = broker = embedded_broker(self.plan.data.path, self.plan.environ)
        except BrokerMissingError as error:
            raise Failure(str(error)) from None
        program = Program(name="broker", command=broker.command(), environ=self.plan.environ, keep=(self.lock,))
        child = self._add(program)
        if not _answers(broker, child):
            # What a broker keeps can be done without: the store says what is to be offered again.
            aside = broker.folder.with_name(f"broker.unreadable-{int(time.time())}")
            self.tell(f"the broker does not start with its file, which is now in {aside}; starting it empty")
            end([child], 0, self.hurried)
            broker.folder.rename(aside)
            broker.folder.mkdir(mode=0o700)
            child.start()
            if not _answers(broker, child):
                raise Failure(f"the broker {broker.program} does not start:\n{child.tail()}")

    def _until(self, ready: Callable[[], bool], wanted: Callable[[], bool], what: str) -> bool:
        deadline = time.monotonic() + READY_PATIENCE_S
        while not ready():
            if not wanted():
                return False
            for child, code in self._look():
                if code == MISUSED and child.program.name == "web":  # a node's folder may be in use for a moment more
                    raise Failure(child.tail(1), f"{child.program.name} does not start; its log is {child.log}")
                self._tell_end(child, code)
            for child in self.children:
                if child.falls >= FALLS_AT_START:
                    raise Failure(f"{child.program.name} does not start; the end of {child.log}:\n{child.tail()}")
            if time.monotonic() > deadline:
                raise Failure(f"{what} did not get ready within {READY_PATIENCE_S:g} s", f"see {self.plan.data.logs}")
            time.sleep(GLANCE_S)
        return True

    def _web_is_ready(self) -> bool:
        return self._ask("/readyz") is not None

    def _nodes_are_ready(self) -> bool:
        pids = {child.pid for child in self.children if child.program.name.startswith("node-")}
        if not pids:
            return True
        answer = self._ask("/v1/nodes?limit=1000") or {}
        return pids <= {node["pid"] for node in answer.get("items", ()) if node["state"] == "online"}

    def _ask(self, path: str, method: str = "GET") -> Any:  # a JSON value; None for anything but a good answer
        connection = http.client.HTTPConnection(self.plan.url.removeprefix("http://"), timeout=5)
        token = self.plan.data.token(self.plan.data.token_file)
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError), contextlib.closing(connection):
            connection.request(method, path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            content = answer.read()
            return json.loads(content) if answer.status == 200 else None
        return None


def _answers(broker: EmbeddedBroker, child: Child) -> bool:
    deadline = time.monotonic() + BROKER_PATIENCE_S
    while time.monotonic() < deadline and not child.ended():
        if broker.answers():
            return True
        time.sleep(0.005)
    return False


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
