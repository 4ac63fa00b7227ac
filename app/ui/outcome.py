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
    126: "the program was found but may not be executed",
    127: "the program was not found",
}
_BEYOND: Final = 128
"""A shell says so much more than the number of the signal that ended its program."""


def outcome(run: Run, spec: TaskSpec) -> str:
    if run.state is RunState.QUEUED:
        return "It is offered to the nodes and waits for one that takes it."
    if run.state is RunState.RUNNING:
        return "It runs." if run.started_at_us else "A node has taken it and prepares it."
    if run.state is RunState.SUCCEEDED:
        return "It ended well" + (f", with exit code {run.exit_code}." if run.exit_code is not None else ".")
    if run.state is RunState.TIMED_OUT:
        return f"It ran longer than its limit of {words.duration(spec.time_limit_s * 1_000_000)} and was ended."
    if run.state is RunState.OUT_OF_MEMORY:
        peak = f"; it had {words.size(run.usage.peak_rss_bytes)} at its peak" if run.usage else ""
        return f"It used more memory than its limit of {words.size(spec.shape.memory_mib << 20)} and was ended{peak}."
    if run.state is RunState.LOST:
        return "Its node was lost, or gave it back; the task runs again elsewhere."
    if run.state is RunState.CANCELED:
        return "It was canceled."
    return _failed(run)


def around(attempts: Sequence[Run], run: Run) -> Mapping[str, Run]:
    """The attempts before (`prev`) and after (`next`) this one, where there are such."""
    found = {}
    for other in attempts:
        if other.number == run.number - 1:
            found["prev"] = other
        if other.number == run.number + 1:
            found["next"] = other
    return found


def _failed(run: Run) -> str:
    if run.signal:
        return f"It was ended by signal {run.signal}{_signal(run.signal)}."
    if run.exit_code is None:
        return "It failed."
    meaning = _CODES.get(run.exit_code, "")
    if run.exit_code > _BEYOND:
        meaning = _signal(run.exit_code - _BEYOND).strip(" ()")
    return f"It failed with exit code {run.exit_code}" + (f": {meaning}." if meaning else ".")


def _signal(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return ""
    said = signal.strsignal(number)
    return f" ({name}: {said.lower()})" if said else f" ({name})"
