"""Which processes are a Flotilla on one machine, with which settings, and when are they ready?

broker -> web and nodes at once -> ready when the web process says so and every node has registered -> engine

The engine comes when the web process answers: both would set up an empty database, and nothing waits for it.
Standard library only: every import here delays the start.
"""

import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.adapters.embedded_broker import BrokerMissingError, EmbeddedBroker, embedded_broker
from app.cli.children import Child, Program, end
from app.cli.data_folder import DataFolder
from app.cli.failures import Failure

BROKER_PATIENCE_S = 30.0
READY_PATIENCE_S = 60.0
DRAIN_PATIENCE_S = 25.0
STOP_PATIENCE_S = 5.0
FALLS_AT_START = 3
"""A child that ends so often before the fleet was ready will not do better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is asked of `up`. `cpus` and `memory_mb` are of each node."""

    data: DataFolder
    host: str
    port: int
    nodes: int
    cpus: str
    memory_mb: int
    flower_port: int | None
    environ: Mapping[str, str]

    @property
    def url(self) -> str:
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.port}"

    @property
    def local_url(self) -> str:
        """Where this machine finds it."""
        anywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # compared with, not bound to
        return f"http://{anywhere[self.host]}:{self.port}" if self.host in anywhere else self.url


@dataclass(slots=True, kw_only=True)
class Stack:
    """The children of one `up`, in the order in which they start."""

    plan: Plan
    lock: int
    tell: Callable[[str], None]
    broker: EmbeddedBroker | None = None
    children: list[Child] = field(default_factory=list)

    def start(self, wanted: Callable[[], bool]) -> bool:
        """False when it was told to stop meanwhile. Raises Failure when a process cannot be kept alive."""
        own_broker = "FLOTILLA_BROKER_URL" not in self.plan.environ
        if own_broker:
            self._start_broker()
        self._add("web", _seeded(), self._web_environ())
        for name in self._node_names():
            self._add(name, _module("worker.main"), self._node_environ(name))
        return self._until(self._web_ready, wanted) and self._start_engine() and self._until(self._nodes_ready, wanted)

    def step(self) -> None:
        now = time.monotonic()
        for child in self.children:
            code = child.step(now)
            if code is not None:
                pause = max(0.0, child.start_again_at - now)
                self.tell(f"{child.program.name} ended ({_how(code)}); it is started again in {pause:g} s, see {child.log}")

    def stop(self, hurried: Callable[[], bool]) -> None:
        """Nodes first, while there is a server that hears what became of their runs; the broker last."""
        nodes = [child for child in self.children if child.program.name.startswith("node-")]
        brokers = [child for child in self.children if child.program.name == "broker"]
        others = [child for child in self.children if child not in nodes and child not in brokers]
        forced = end(nodes, DRAIN_PATIENCE_S, hurried) + end(others, STOP_PATIENCE_S, hurried)
        forced += end(brokers, STOP_PATIENCE_S, hurried)
        if forced:
            self.tell(f"had to be killed: {', '.join(forced)}")
        if self.broker:
            self.broker.clear()

    def _start_broker(self) -> None:
        try:
            self.broker = embedded_broker(self.plan.data.path, self.plan.environ)
        except BrokerMissingError as error:
            raise Failure(str(error)) from None
        child = self._add("broker", self.broker.command(), self.plan.environ, keep=(self.lock,))
        if self._broker_up(child):
            return
        # What the broker keeps can always be done without: the store says what is to be offered again.
        aside = self.broker.folder.with_name(f"broker.unreadable-{int(time.time())}")
        self.tell(f"the broker cannot read its file, which is now in {aside}; starting it empty")
        self.broker.folder.rename(aside)
        self.broker.folder.mkdir(mode=0o700)
        child.start()
        if not self._broker_up(child):
            raise Failure(f"the broker {self.broker.program} does not start:\n{child.tail()}")

    def _broker_up(self, child: Child) -> bool:
        deadline = time.monotonic() + BROKER_PATIENCE_S
        while self.broker and time.monotonic() < deadline and not child.ended():
            if self.broker.answers():
                return True
            time.sleep(0.005)
        return False

    def _start_engine(self) -> bool:
        self._add("engine", _module("app.engine"), self._server_environ())
        if self.plan.flower_port is not None:
            options = (f"--broker={self._broker_url()}", "flower", "--address=127.0.0.1", f"--port={self.plan.flower_port}")
            self._add("flower", (*_module("celery"), *options), self.plan.environ)
        return True

    def _add(self, name: str, command: tuple[str, ...], environ: Mapping[str, str], keep: tuple[int, ...] = ()) -> Child:
        program = Program(name=name, command=command, environ=environ, keep=keep)
        child = Child(program=program, log=self.plan.data.logs / f"{name}.log")
        self.children.append(child)
        child.start()
        return child

    def _node_names(self) -> list[str]:
        return [f"node-{number}" for number in range(1, self.plan.nodes + 1)]

    def _broker_url(self) -> str:
        return self.broker.url if self.broker else self.plan.environ["FLOTILLA_BROKER_URL"]

    def _server_environ(self) -> dict[str, str]:
        data = self.plan.data
        defaults = {"FLOTILLA_DATABASE_URL": data.database_url, "FLOTILLA_ASSETS_URL": f"file://{data.path / 'assets'}"}
        own = {"FLOTILLA_BROKER_URL": self._broker_url(), "FLOTILLA_HOST": self.plan.host}
        return {**defaults, **self.plan.environ, **own, "FLOTILLA_PORT": str(self.plan.port), "PYTHONUNBUFFERED": "1"}

    def _web_environ(self) -> dict[str, str]:
        data = self.plan.data
        data.token(data.token_file)
        data.token(data.node_token_file)
        own_database = "" if "FLOTILLA_DATABASE_URL" in self.plan.environ else "1"
        return self._server_environ() | {
            "FLOTILLA_UP_ADMIN_TOKEN_FILE": str(data.token_file),
            "FLOTILLA_UP_NODE_TOKEN_FILE": str(data.node_token_file),
            "FLOTILLA_UP_OWN_DATABASE": own_database,
        }

    def _node_environ(self, name: str) -> dict[str, str]:
        """A node is given no address of the database: it may know nothing of it."""
        inherited = {key: value for key, value in self.plan.environ.items() if key not in SERVER_ONLY}
        return inherited | {
            "FLOTILLA_BROKER_URL": self._broker_url(),
            "FLOTILLA_SERVER_URL": self.plan.local_url,
            "FLOTILLA_NODE_TOKEN": self.plan.data.token(self.plan.data.node_token_file),
            "FLOTILLA_NODE_NAME": name,
            "FLOTILLA_NODE_DIR": str(self.plan.data.node(name)),
            "FLOTILLA_CPUS": self.plan.cpus,
            "FLOTILLA_MEMORY_MB": str(self.plan.memory_mb),
            "PYTHONUNBUFFERED": "1",
        }
