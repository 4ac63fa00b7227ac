"""How does a declared executor of the kinds `command` and `python` run? Its parameters become what those take."""

import os
from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from app.wire.codec import Json
from worker.executors.command import Command
from worker.executors.declared.declaration import Call, Declaration, Program
from worker.executors.declared.judging import admitted, scope, told
from worker.executors.declared.templates import Scope, fill
from worker.executors.order import Order
from worker.executors.python import Python
from worker.outcome import Finished, Outcome, Work


def order_of(program: Program, scope: Scope, environ: Mapping[str, str] = os.environ) -> Order:
    """What the program is started with; `environ` is the node's own."""
    passed = {name: environ[name] for name in program.passed if name in environ}
    return Order(
        argv=fill(program.argv, scope),
        env={**passed, **{name: text.fill(scope) for name, text in program.fixed.items()}},
        stdin=None if program.stdin is None else program.stdin.fill(scope),
        success_codes=program.success_codes,
        network=program.network,
        readable=program.readable,
    )


class DeclaredCommand:
    """A program of this machine with the arguments that the file says."""

    def __init__(self, declaration: Declaration, program: Program, command: Command) -> None:
        self.name = declaration.name
        self._declaration, self._program, self._command = declaration, program, command

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        for work in works:
            yield None
            yield work, self._one(work)

    def _one(self, work: Work) -> Outcome:
        values = admitted(self._declaration, work)
        if isinstance(values, Outcome):
            return values
        order = order_of(self._program, scope(self._declaration, work, values, str(work.folder)))
        return told(self._declaration, work, self._command.perform(work, order))

    def trim(self, now: float) -> None:
        """The wardens are those of `command`."""

    def close(self) -> None:
        """As `trim`."""


class DeclaredPython:
    """A registered callable, whose arguments are the parameters."""

    def __init__(self, declaration: Declaration, call: Call, python: Python) -> None:
        self.name = declaration.name
        self._declaration, self._call, self._python = declaration, call, python

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        """Those that may start go to a runner together, between those that may not."""
        good: list[Work] = []
        for work in works:
            values = admitted(self._declaration, work)
            if isinstance(values, Outcome):
                yield from self._all(good)
                good = []
                yield work, values
            else:
                work.spec = structs.replace(work.spec, payload=self._payload(values))
                good.append(work)
        yield from self._all(good)

    def _payload(self, values: dict[str, Json]) -> Json:
        return {"callable": self._call.callable, "arguments": values}

    def _all(self, works: list[Work]) -> Iterator[Finished | None]:
        for finished in self._python.run(works) if works else ():
            yield (finished[0], told(self._declaration, *finished)) if finished else None

    def trim(self, now: float) -> None:
        """The runners are those of `python`."""

    def close(self) -> None:
        """As `trim`."""
