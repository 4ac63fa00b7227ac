"""What a task or a run has been through, in order: each state with when, where and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.run import Run
from app.domain.task import Task
from app.wire.states import TaskState


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`state` is one of tasks or runs, and the look of what is called `word`, where that says it better."""

    at_us: int
    state: str
    word: str = ""
    more: str = ""


def history(task: Task, attempts: Sequence[Run], nodes: Mapping[str, str]) -> list[Step]:
    """Of these attempts. A task that was run again after its end goes on where it had stopped."""
    steps = [Step(at_us=task.created_at_us, state=TaskState.WAITING, word="submitted")]
    for run in attempts:
        steps += _of_attempt(run, nodes)
    if task.ended and task.finished_at_us and task.state is not TaskState.SUCCEEDED:
        why = f": {task.failure.message}" if task.failure else ""
        steps.append(Step(at_us=task.finished_at_us, state=task.state, more=f"the task{why}"))
    return sorted(steps, key=lambda step: step.at_us)


def _of_attempt(run: Run, nodes: Mapping[str, str]) -> Iterator[Step]:
    name = nodes.get(run.node_id or "", "a node that is gone") if run.node_id else "from outside of the fleet"
    yield Step(at_us=run.created_at_us, state="queued", word="offered", more=f"attempt {run.number}")
    if run.claimed_at_us:
        yield Step(at_us=run.claimed_at_us, state="ready", word="taken", more=f"by {name}")
    if run.started_at_us:
        yield Step(at_us=run.started_at_us, state="running")
    if run.finished_at_us:
        said = "" if run.exit_code is None else f"exit code {run.exit_code}"
        yield Step(at_us=run.finished_at_us, state=run.state.value, more=run.failure.message if run.failure else said)
