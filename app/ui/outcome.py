"""How a run stands, in a sentence: what its state, exit code and signal mean to whoever wrote the program. And which
attempts were before and after it.
"""

import signal
from collections.abc import Mapping, Sequence
from typing import Final

from app.domain.run import Run
from app.domain.task import TaskSpec
from app.ui import words
from app.wire.states import RunState

_CODES: Final = {
    126: "a shell says so when the program may not be executed",
    127: "a shell says so when the program was not found",
}
_STATES: Final = {
    RunState.QUEUED: "It is offered to the nodes and waits for one that takes it.",
    RunState.RUNNING: "It runs.",
    RunState.SUCCEEDED: "It ended well.",
    RunState.FAILED: "It failed.",
    RunState.LOST: "Its node was lost, or gave it back; the task runs again elsewhere.",
    RunState.CANCELED: "It was canceled.",
}
_BEYOND: Final = 128
"""A shell says so much more than the number of the signal that ended its program."""


def outcome(run: Run, spec: TaskSpec) -> str:
    """What was said of it when it ended, else what its state means; and what its exit code or signal means."""
    said = _sentence(run.failure.message) if run.failure else _by_state(run, spec)
    meaning = _meaning(run)
    return f"{said} {_sentence(meaning)}" if meaning and meaning not in said else said


def _by_state(run: Run, spec: TaskSpec) -> str:
    if run.state is RunState.RUNNING and not run.started_at_us:
        return "A node has taken it and prepares it."
    if run.state is RunState.SUCCEEDED and run.exit_code is not None:
        return f"It ended well, with exit code {run.exit_code}."
    if run.state is RunState.TIMED_OUT:
        return f"It ran longer than its limit of {words.duration(spec.time_limit_s * 1_000_000)} and was ended."
    if run.state is RunState.OUT_OF_MEMORY:
        return f"It used more memory than its limit of {words.size(spec.shape.memory_mib << 20)} and was ended."
    return _STATES[run.state]


def around(attempts: Sequence[Run], run: Run) -> Mapping[str, Run]:
    """The attempts before (`prev`) and after (`next`) this one, where there are such."""
    found = {}
    for other in attempts:
        if other.number == run.number - 1:
            found["prev"] = other
        if other.number == run.number + 1:
            found["next"] = other
    return found


def _meaning(run: Run) -> str:
    """Of what only those know who know their system by heart."""
    if run.state is not RunState.FAILED:
        return ""
    if run.signal:
        return _signal(run.signal)
    if run.exit_code is not None and run.exit_code > _BEYOND:
        return _signal(run.exit_code - _BEYOND)
    return _CODES.get(run.exit_code or 0, "")


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return ""
    said = signal.strsignal(number)
    return f"signal {number} is {name}" + (f": {said.lower()}" if said else "")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")
