"""The tasks of a job, as TaskSpecs.

`TaskIn` is the judge. For 100,000 tasks it would take 6 s, but the tasks of a job are much alike: but for what varies
(`VARYING`) they say the same few things. So this is judged by hand, and the rest by the schema once for each way it is
written: 0.7 s. Whatever is wrong is told by the schema or in its form.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson
from marshmallow import ValidationError, fields

from app.domain import limits
from app.domain.chords import RunWhen
from app.domain.task import TaskSpec
from app.rest import files, payloads, problems
from app.rest.native.fields import OneOf, text_problem
from app.rest.native.schemas.map_in import MapIn, read_map
from app.rest.native.schemas.task_in import TaskIn, said_in_the_spec

VARYING: Final = ("name", "needs", "payload", "inputs", "outputs")


class Tasks(fields.List[Any]):
    """All tasks of a job, as TaskSpecs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(OneOf(TaskIn, MapIn), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, list):
            raise ValidationError("must be an array")
        if len(value) > limits.MAX_TASKS:
            raise ValidationError(f"has {len(value)} tasks; at most {limits.MAX_TASKS} are allowed")
        priority = data.get("priority") if isinstance(data, dict) else None
        if type(priority) is not int:
            priority = limits.DEFAULT_PRIORITY
        wrong: dict[int, Any] = {}
        specs: list[TaskSpec] = []
        judged: dict[bytes, TaskSpec] = {}
        for index, item in enumerate(value):
            try:
                specs.append(_read(item, priority, judged))
            except ValidationError as error:
                wrong[index] = problems.messages(error)
                if len(wrong) >= limits.MAX_PROBLEMS:
                    break
        if wrong:
            raise ValidationError(wrong)
        return tuple(specs)


_JUDGE: Final = TaskIn()


def _read(item: Any, priority: int, judged: dict[bytes, TaskSpec]) -> TaskSpec:
    """`priority` is the job's. `judged` has the specs read so far, by all that is written in them but what varies."""
    if not isinstance(item, dict):
        raise ValidationError("must be an object")
    if item.get("type") == "map":
        return read_map(item, priority)
    usual = orjson.dumps({key: item[key] for key in item if key not in VARYING})
    like = judged.get(usual)
    name, needs, payload = item.get("name"), item.get("needs", []), item.get("payload")
    inputs, outputs = item.get("inputs", []), item.get("outputs", [])
    if (
        like is None
        or text_problem(name, 1, limits.MAX_TASK_NAME)
        or not isinstance(needs, list)
        or not all(isinstance(need, str) for need in needs)
        or any(payloads.problems(like.executor, payload))
        or (inputs != [] and any(files.input_problems(inputs)))
        or (outputs != [] and any(files.output_problems(outputs)))
    ):
        like = judged[usual] = _to_spec(_JUDGE.load(item), item, priority)
        return like
    return TaskSpec(
        name=name,  # type: ignore[arg-type]  # text_problem has seen that it is one
        executor=like.executor,
        version=like.version,
        needs=tuple(needs),
        run_when=like.run_when,
        payload=payload,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        shape=like.shape,
        time_limit_s=like.time_limit_s,
        max_attempts=like.max_attempts,
        retry_delay_s=like.retry_delay_s,
        memory_growth=like.memory_growth,
        priority=like.priority,
        tag=like.tag,
        submitted=like.submitted,
    )


def _to_spec(loaded: Mapping[str, Any], item: Mapping[str, Any], priority: int) -> TaskSpec:
    return TaskSpec(
        name=loaded["name"],
        needs=tuple(loaded["needs"]),
        run_when=RunWhen(loaded["run_when"]),
        priority=loaded.get("priority", priority),
        **said_in_the_spec(loaded, item),
    )
