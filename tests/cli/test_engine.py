"""The engine's loop: one pass after another, whatever a pass meets, until it is told to stop."""

import threading
from dataclasses import replace

import pytest

from app import engine
from app.adapters.memory import MemoryBlobs, MemoryBroker, MemoryStore
from app.adapters.system_chance import SystemChance
from app.domain.errors import Unavailable
from app.services import servers
from app.services.core import FAST, Core
from app.services.sweep import Sweeper, Swept


def core() -> Core:
    return Core(
        store=MemoryStore(clock=lambda: 0),
        broker=MemoryBroker(),
        chance=SystemChance(),
        blobs=MemoryBlobs(),
        clockwork=replace(FAST, sweep_s=0.001),
    )


def run(sweeper: Sweeper, stop: threading.Event) -> None:
    made = core()
    engine.run(made, servers.arrive(made, kind="engine", host="here", pid=1, revision="1"), sweeper, stop)


def test_a_pass_that_fails_does_not_end_the_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    passes: list[Sweeper] = []

    def step(core: Core, sweeper: Sweeper) -> Swept:
        passes.append(sweeper)
        if len(passes) == 3:
            stop.set()
            return Swept(led=True, lost=1)
        raise Unavailable("the database is away")

    monkeypatch.setattr(engine, "step", step)
    run(Sweeper(holder="test"), stop)
    assert len(passes) == 3
    assert passes[0] is passes[2]


def test_a_loop_that_was_told_to_stop_makes_no_pass() -> None:
    stop = threading.Event()
    stop.set()
    run(Sweeper(holder="test"), stop)


def test_settings_that_are_wrong_end_it_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FLOTILLA_DATABASE_URL", raising=False)
    assert engine.main() == 2
    assert "FLOTILLA_DATABASE_URL is not set" in capsys.readouterr().err
