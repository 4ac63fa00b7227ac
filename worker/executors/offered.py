"""What does this node offer? Its built-in executors, those of its files, those of other distributions: one table."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.wire.cards import Card, versioned
from worker.executors.callables import Table, configured
from worker.executors.command import Command
from worker.executors.containers.choosing import find
from worker.executors.containers.engine import Engine, EngineError
from worker.executors.declared.boxes import DeclaredContainer
from worker.executors.declared.commands import DeclaredCommand, DeclaredPython
from worker.executors.declared.declaration import Call, Declaration, Image, Service
from worker.executors.declared.reading import read_files
from worker.executors.declared.services import DeclaredService
from worker.executors.plugins import Home, load
from worker.executors.python import Python
from worker.executors.sandbox import Sandbox, SandboxError
from worker.outcome import Executor

log = logging.getLogger(__name__)
CARDS = (
    Card(
        name="command",
        kind="command",
        description="A program with its arguments",
        parameters={
            "type": "object",
            "properties": {
                "argv": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "env": {"type": "object", "additionalProperties": {"type": "string"}},
                "stdin": {"type": "string"},
                "successCodes": {"type": "array", "items": {"type": "integer"}},
            },
            "required": ["argv"],
            "additionalProperties": False,
        },
    ),
    Card(
        name="python",
        kind="python",
        description="A Python callable that is registered on the node",
        parameters={
            "type": "object",
            "properties": {"callable": {"type": "string"}, "arguments": {"type": "object"}},
            "required": ["callable"],
            "additionalProperties": False,
        },
    ),
)
OFF, WHERE_POSSIBLE, REQUIRED = "off", "bwrap", "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What the operator has set about executors."""

    files: tuple[Path, ...] = ()
    callables: str = ""
    sandbox: str = OFF
    sandbox_readable: tuple[Path, ...] = ()
    sandbox_network: bool = False
    container_runtime: str = "auto"
    container_registries: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """`executors` are by what a task may ask for: name, or name@version."""

    executors: dict[str, Executor]
    cards: tuple[Card, ...]
    python: Python

    def trim(self, now: float) -> None:
        for executor in set(self.executors.values()):
            executor.trim(now)

    def close(self) -> None:
        for executor in set(self.executors.values()):
            executor.close()


def offered(choices: Choices, *, mark: dict[str, str], api_url: str, node_id: str, folder: Path) -> Offered:
    """`folder` is the node's. Raises DeclarationError and, where a sandbox is required and cannot be, SandboxError."""
    declarations = read_files(choices.files, Table(configured(choices.callables))) if choices.files else ()
    command = Command(mark=mark, api_url=api_url, sandbox=_sandbox(choices))
    python = Python(mark=mark, api_url=api_url, callables=choices.callables, folder=folder / "scratch")
    found: list[tuple[Card, Executor]] = [(CARDS[0], command), (CARDS[1], python)]
    makers = _Makers(choices, command, python, api_url, _engine(choices, declarations, node_id, folder))
    found += makers.all(declarations)
    taken = {card.name for card, _ in found}
    found += load(Home(api_url=api_url, folder=folder / "plugins", mark=mark), taken)
    return Offered(executors=_table(found), cards=tuple(card for card, _ in found), python=python)


def _table(found: Sequence[tuple[Card, Executor]]) -> dict[str, Executor]:
    """Without a version a task gets what was declared first."""
    table: dict[str, Executor] = {}
    for card, executor in found:
        table.setdefault(card.name, executor)
        table.update({versioned(card.name, version): executor for version in card.versions})
    return table


def _sandbox(choices: Choices) -> Sandbox | None:
    if choices.sandbox == OFF:
        return None
    try:
        return Sandbox(readable=choices.sandbox_readable, network=choices.sandbox_network)
    except SandboxError as problem:
        if choices.sandbox == REQUIRED:
            raise
        log.warning("commands run without a sandbox: %s", problem)
        return None


def _engine(choices: Choices, declarations: Sequence[Declaration], node_id: str, folder: Path) -> Engine | None:
    """Looked for where a container is declared; containers of an earlier life end here."""
    if not any(isinstance(each.how, Image) for each in declarations):
        return None
    try:
        engine = find(choices.container_runtime, node_id, folder / "runc")
        left = engine.sweep()
    except EngineError as problem:
        log.error("no containers can be run here (FLOTILLA_CONTAINER_RUNTIME): %s", problem)
        return None
    if left:
        log.warning("%d containers of an earlier life of this node have been ended", left)
    return engine


@dataclass(frozen=True, slots=True)
class _Makers:
    """An executor for each declaration, as far as this node can run it."""

    choices: Choices
    command: Command
    python: Python
    api_url: str
    engine: Engine | None

    def all(self, declarations: Sequence[Declaration]) -> list[tuple[Card, Executor]]:
        made = [(each.card, self._make(each)) for each in declarations]
        return [(card, executor) for card, executor in made if executor is not None]

    def _make(self, declaration: Declaration) -> Executor | None:
        how = declaration.how
        if isinstance(how, Call):
            return DeclaredPython(declaration, how, self.python)
        if isinstance(how, Service):
            return self._service(declaration, how)
        if isinstance(how, Image):
            return self._container(declaration, how)
        return DeclaredCommand(declaration, how, self.command)

    def _service(self, declaration: Declaration, service: Service) -> Executor | None:
        if service.bearer and not os.environ.get(service.bearer):
            log.error("the executor %s is left out: its variable %s is not set", declaration.name, service.bearer)
            return None
        return DeclaredService(declaration, service, self.api_url)

    def _container(self, declaration: Declaration, image: Image) -> Executor | None:
        needs = "rootfs" if self.engine and self.engine.kind == "runc" else "image"
        if self.engine is None or not (image.rootfs if needs == "rootfs" else image.image):
            why = f"{self.engine.kind} needs {needs}" if self.engine else "this node runs no containers"
            log.error("the executor %s is left out: %s", declaration.name, why)
            return None
        return DeclaredContainer(declaration, image, self.command, self.engine, self.choices.container_registries)
