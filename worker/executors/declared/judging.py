"""What does a run bring to a declared executor, and may it start? Its parameters are judged, its time is capped."""

import time
from dataclasses import replace

from msgspec import structs

from app.wire.codec import Json
from app.wire.report import Failure
from app.wire.states import RunState
from worker.executors.declared.declaration import Declaration
from worker.executors.declared.parameters import ParametersError, judged
from worker.executors.declared.templates import PARAMETERS, Scope
from worker.outcome import Outcome, Work, failed


def admitted(declaration: Declaration, work: Work) -> dict[str, Json] | Outcome:
    """The run's parameters with their defaults, or how it failed before it began."""
    try:
        values = judged(declaration.parameters, work.spec.payload)
    except ParametersError as wrong:
        text = f"the parameters of {declaration.name} are wrong: {wrong}"
        return failed(time.monotonic(), "bad_parameters", text)
    if declaration.timeout_s is not None and declaration.timeout_s < work.spec.time_limit_s:
        work.spec = structs.replace(work.spec, time_limit_s=declaration.timeout_s)
    return values


def told(declaration: Declaration, work: Work, outcome: Outcome) -> Outcome:
    """With the executor's own limit named, where that was the one that was met."""
    if outcome.state is not RunState.TIMED_OUT or work.spec.time_limit_s != declaration.timeout_s:
        return outcome
    text = (
        f"ran longer than the {declaration.timeout_s} s that the executor {declaration.name} gives its runs (timeout)"
    )
    return replace(outcome, failure=Failure(code="timed_out", message=text))


def scope(declaration: Declaration, work: Work, values: dict[str, Json], folder: str) -> Scope:
    """A value for every placeholder; `folder` is the run's folder as its program sees it. Without a version asked for
    it is the first.
    """
    spec = work.spec
    return {
        **{PARAMETERS + name: value for name, value in values.items()},
        "run.id": spec.run_id,
        "run.task": spec.task,
        "run.job": spec.job_id,
        "run.attempt": spec.attempt,
        "run.version": spec.version or next(iter(declaration.versions), ""),
        "run.folder": folder,
        "run.cpus": f"{spec.shape.cpu_milli / 1000:g}",
        "run.memory": spec.shape.memory_mib,
    }
