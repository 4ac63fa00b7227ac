"""A task as submitted: its schema, and how it becomes a TaskSpec.

`TaskIn` is the definition and the judge. For 100,000 tasks it would take 6 s, but the tasks of a job are much alike:
but for name, needs, payload and files they say the same few things. So these are judged by hand, and the rest by the
schema once for each way it is written (`Tasks`). Whatever is wrong is told by the schema or in its form.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson
from marshmallow import ValidationError, fields, validates_schema

from app.domain import limits
from app.domain.chords import RunWhen
from app.domain.task import DEFAULT_SHAPE, TaskSpec
from app.rest import files, paths, payloads, problems
from app.rest.native.fields import Choice, Object, Strict, Text, Whole, text_problem
from app.wire.resources import Resources

VARYING: Final = ("name", "needs", "payload", "inputs", "outputs")
NO_MAPS: Final = (
    "this version of the server runs no maps; submit one task for each value, with `type` `task` or without `type`"
)
MOST_MEMORY_GROWTH: Final = 16


class Executor(fields.Field[Any]):
    """A name, or `{"name", "version"}`. Becomes (name, version); no version is ''."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, str]:
        if isinstance(value, dict):
            named = _NAMED.load(value)
            return named["name"], named.get("version", "")
        if wrong := text_problem(value, 1, limits.MAX_EXECUTOR_NAME):
            raise ValidationError(wrong if isinstance(value, str) else 'must be a name or {"name", "version"}')
        return value, ""


class Named(Strict):
    name = Text(limits.MAX_EXECUTOR_NAME, required=True)
    version = Text(limits.MAX_EXECUTOR_NAME, low=0)


_NAMED: Final = Named()


class Requirements(Strict):
    cpu = Whole(1, limits.MAX_CPU, metadata={"description": "Cores."})
    memory = Whole(1, limits.MAX_MEMORY_MB, metadata={"description": "MB; 1 MB is 2^20 bytes."})


class Growth(fields.Float):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:
        if type(value) not in (int, float) or not 1 <= value <= MOST_MEMORY_GROWTH:
            raise ValidationError(f"must be a number from 1 to {MOST_MEMORY_GROWTH}")
        return float(value)


class Limitations(Strict):
    time_s = Whole(1, limits.MAX_TIME_S, data_key="maxExecutionTimeInSeconds")
    attempts = Whole(1, limits.MAX_ATTEMPTS, data_key="maxAttempts")
    retry_delay_s = Whole(0, limits.MAX_RETRY_DELAY_S, data_key="retryDelayInSeconds")
    memory_growth = Growth(data_key="memoryGrowth")


class InputSource(Strict):
    uri = fields.String(metadata={"description": f"One of {', '.join(paths.SCHEMES)}, or a reference to an output."})
    spaceId = fields.String()
    key = fields.String()


class Place(Strict):
    path = fields.String(required=True, metadata={"description": "Relative to the run's scratch folder."})


class Input(Strict):
    source = fields.Nested(InputSource, required=True, metadata={"description": "Either uri, or spaceId and key."})
    target = fields.Nested(Place, required=True)


class Output(Strict):
    source = fields.Nested(Place, required=True)
    name = fields.String(required=True)


class Files(fields.List[Any]):
    """Inputs or outputs, as submitted. The inner schema is for the OpenAPI text, `judge` says what is wrong."""

    def __init__(self, item: type[Strict], judge: Callable[[Any], files.Found], **kwargs: Any) -> None:
        self._judge = judge
        super().__init__(fields.Nested(item), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if found := list(self._judge(value)):
            raise ValidationError(_tree(found))
        return list(value)


class Needs(fields.List[Any]):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.String(), **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("must be an array of task names")
        wrong = {index: ["must be a string"] for index, name in enumerate(value) if not isinstance(name, str)}
        if wrong:
            raise ValidationError(wrong)
        return value


class Type(Choice):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if value == "map":
            raise ValidationError(NO_MAPS)
        return super()._deserialize(value, attr, data, **kwargs)


class TaskIn(Strict):
    name = Text(limits.MAX_TASK_NAME, required=True, metadata={"description": "Unique in the job."})
    type = Type(("task",), load_default="task")
    executor = Executor(
        required=True,
        metadata={
            "oneOf": [
                {"type": "string", "minLength": 1, "maxLength": limits.MAX_EXECUTOR_NAME},
                {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "version": {"type": "string"}},
                    "additionalProperties": False,
                },
            ]
        },
    )
    needs = Needs(load_default=list)
    run_when = Choice(RunWhen, data_key="runWhen", load_default=RunWhen.ALL_SUCCEEDED.value)
    payload = fields.Raw(allow_none=True, load_default=None, metadata={"description": "What the executor takes."})
    inputs = Files(Input, files.input_problems, load_default=list)
    outputs = Files(Output, files.output_problems, load_default=list)
    requirements = fields.Nested(Requirements, load_default=dict)
    limitations = fields.Nested(Limitations, load_default=dict)
    hints = Object(load_default=dict)
    priority = Whole(0, 100, metadata={"description": "Higher goes first; the job's own where it is not given."})
    tag = Text(limits.MAX_EXECUTOR_NAME, low=0, load_default="", metadata={"description": "Of the nodes to run on."})

    @validates_schema
    def _payload_fits(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        found = list(payloads.problems(data["executor"][0], data["payload"]))
        if found:
            raise ValidationError({"payload": _tree(found)})


class Tasks(fields.List[Any]):
    """All tasks of a job, as TaskSpecs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(fields.Nested(TaskIn), **kwargs)

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
        or any(files.input_problems(inputs))
        or any(files.output_problems(outputs))
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
    executor, version = loaded["executor"]
    wanted, limitations = loaded["requirements"], loaded["limitations"]
    shape = Resources(
        cpu_milli=wanted["cpu"] * 1000 if "cpu" in wanted else DEFAULT_SHAPE.cpu_milli,
        memory_mib=wanted.get("memory", DEFAULT_SHAPE.memory_mib),
    )
    return TaskSpec(
        name=loaded["name"],
        executor=executor,
        version=version,
        needs=tuple(loaded["needs"]),
        run_when=RunWhen(loaded["run_when"]),
        payload=loaded["payload"],
        inputs=tuple(loaded["inputs"]),
        outputs=tuple(loaded["outputs"]),
        shape=shape,
        time_limit_s=limitations.get("time_s", limits.DEFAULT_TIME_S),
        max_attempts=limitations.get("attempts", 1),
        retry_delay_s=limitations.get("retry_delay_s", 0),
        memory_growth=limitations.get("memory_growth", 1.0),
        priority=loaded.get("priority", priority),
        tag=loaded["tag"],
        submitted=_beyond_the_spec(item, loaded),
    )


def _beyond_the_spec(item: Mapping[str, Any], loaded: Mapping[str, Any]) -> dict[str, Any]:
    """What was said and no field of the spec holds, for showing it again."""
    beyond: dict[str, Any] = {}
    if loaded["hints"]:
        beyond["hints"] = loaded["hints"]
    if isinstance(item["executor"], dict):
        beyond["executor"] = item["executor"]
    return beyond


def _tree(found: Iterable[tuple[str, str]]) -> Any:
    """(pointer, detail) pairs as marshmallow nests its messages."""
    tree: dict[str, Any] = {}
    for pointer, detail in found:
        here = tree
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        for step in steps:
            here = here.setdefault(step, {})
        here.setdefault("_schema", []).append(detail)
    return tree
