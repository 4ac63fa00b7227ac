"""How does a declared executor of the kind `container` run? By an engine, below a warden, ended by the engine as well.

The engine's own program is what the warden starts and watches; a container of docker is no child of it. So the warden
is told what ends the container, and does that whenever the run was ended before its own end, even without the node.
"""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from app.wire.report import Failure
from app.wire.states import RunState
from worker.executors.command import Command
from worker.executors.containers.engine import FOLDER, Box, Engine, EngineError, ask, client_environment, give
from worker.executors.declared.commands import order_of
from worker.executors.declared.declaration import Declaration, Image
from worker.executors.declared.images import allow
from worker.executors.declared.judging import admitted, scope, told
from worker.executors.declared.templates import Scope
from worker.executors.order import Order
from worker.outcome import Finished, Outcome, Work, failed
from worker.stage.folder import RESULT_NAME
from worker.supervise import Launch

log = logging.getLogger(__name__)
CLIENT_MEMORY_MIB = 256
"""What the engine's own program may need besides what the container has."""
KILLED = 128 + 9
ENGINE_FAILED = 125


class DeclaredContainer:
    """A program in a container."""

    def __init__(
        self, declaration: Declaration, image: Image, command: Command, engine: Engine, registries: Collection[str]
    ) -> None:
        self.name = declaration.name
        self._declaration, self._image, self._command = declaration, image, command
        self._engine, self._registries = engine, registries

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        for work in works:
            yield None
            yield work, self._one(work)

    def _one(self, work: Work) -> Outcome:
        values = admitted(self._declaration, work)
        if isinstance(values, Outcome):
            return values
        holds = scope(self._declaration, work, values, FOLDER)
        order = order_of(self._image.program, holds)
        try:
            box = self._box(work, order, self._named(holds))
            argv = self._engine.prepare(box)
        except (ValueError, EngineError, OSError) as wrong:
            return failed(time.monotonic(), "bad_image", f"{self.name} starts no container: {wrong}")
        try:
            outcome = self._command.perform(
                work, replace(order, argv=argv), lambda *_: self._launch(work, order, box, argv)
            )
        finally:
            self._engine.forget(box)
        if outcome.failure is not None and outcome.failure.code == "runner_died":
            self._end(box)
        return told(self._declaration, work, _meant(work, outcome))

    def _named(self, holds: Scope) -> str:
        """The image; for runc the folder of an unpacked one, which the operator alone names."""
        if self._engine.kind == "runc" or self._image.image is None:
            return self._image.rootfs
        image = self._image.image.fill(holds)
        allow(image, self._registries)
        return image

    def _box(self, work: Work, order: Order, image: str) -> Box:
        spec = work.spec
        own = {"HOME": FOLDER, "TMPDIR": "/tmp", "FLOTILLA_RESULT": f"{FOLDER}/{RESULT_NAME}"}  # noqa: S108  its own
        env = {**self._command.environment(work, order), **own, **order.env}
        return Box(
            name=f"flotilla-{spec.run_id}.{spec.fence}",
            image=image,
            argv=order.argv,
            env={name: value for name, value in env.items() if name in order.env or name not in _OF_THE_NODE},
            folder=work.folder,
            stdin=order.stdin is not None,
            network=bool(order.network),
            cpu_milli=spec.shape.cpu_milli,
            memory_mib=spec.shape.memory_mib,
        )

    def _launch(self, work: Work, order: Order, box: Box, argv: tuple[str, ...]) -> Launch:
        give(work.folder)
        spec = work.spec
        return Launch(
            argv=argv,
            env={**box.env, **client_environment(), **self._command.mark},
            cwd="/",
            stdin=order.stdin,
            memory_mib=spec.shape.memory_mib + CLIENT_MEMORY_MIB,
            cpu_milli=max(1000, spec.shape.cpu_milli),
            limit_s=spec.time_limit_s,
            grace_s=spec.grace_s,
            last=self._engine.end(box),
        )

    def _end(self, box: Box) -> None:
        """The warden is dead and could not."""
        try:
            ask(self._engine.end(box))
        except EngineError as problem:
            log.error("the container %s may be left: %s", box.name, problem)

    def trim(self, now: float) -> None:
        """The wardens are those of `command`."""

    def close(self) -> None:
        """As `trim`."""


_OF_THE_NODE = frozenset({"PATH", "FLOTILLA_NODE_DIR", "FLOTILLA_NODE_PID"})


def _meant(work: Work, outcome: Outcome) -> Outcome:
    """What the exit code of the engine's program says of the container."""
    if outcome.state is not RunState.FAILED or outcome.failure is None or outcome.failure.code != "exit_code":
        return outcome
    if outcome.exit_code == KILLED:
        text = (
            f"its container was killed, as one is that uses more memory than its {work.spec.shape.memory_mib} MB "
            "(requirements.memory)"
        )
        return replace(outcome, state=RunState.OUT_OF_MEMORY, failure=Failure(code="out_of_memory", message=text))
    if outcome.exit_code == ENGINE_FAILED:
        text = "the container could not be started; what the engine says of it is in the run's messages"
        return replace(outcome, failure=Failure(code="cannot_start", message=text))
    return outcome
