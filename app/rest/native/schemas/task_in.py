"""A task as submitted: the definition, which is also what the OpenAPI text is made from. `tasks_in.py` reads many."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.domain import limits
from app.domain.chords import RunWhen
from app.domain.task import DEFAULT_SHAPE
from app.rest import files, paths, payloads
from app.rest.native.fields import Choice, Object, Strict, Text, Whole, text_problem
from app.wire.resources import Resources

MOST_MEMORY_GROWTH: Final = 16
URI: Final = (
    f"One of {', '.join(paths.SCHEMES)}, or a reference to an output. A reference to a list, as the outputs of a map's "
    "values are one, brings all of them, in order: the target is the folder that they come to, as `000000-<filename>`."
)


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


class TaskChange(Strict):
    priority = Whole(0, 100, required=True)


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
    uri = fields.String(metadata={"description": URI})
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
            raise ValidationError(tree(found))
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


class Common(Strict):
    """What is said of a task and of a map alike."""

    name = Text(limits.MAX_TASK_NAME, required=True, metadata={"description": "Unique in the job."})
    needs = Needs(load_default=list)
    run_when = Choice(RunWhen, data_key="runWhen", load_default=RunWhen.ALL_SUCCEEDED.value)
    requirements = fields.Nested(Requirements)
    limitations = fields.Nested(Limitations)
    hints = Object()
    priority = Whole(0, 100, metadata={"description": "Higher goes first; the job's own where it is not given."})
    tag = Text(limits.MAX_EXECUTOR_NAME, low=0, metadata={"description": "Of the nodes to run on."})


EXECUTOR: Final = {
    "oneOf": [
        {"type": "string", "minLength": 1, "maxLength": limits.MAX_EXECUTOR_NAME},
        {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "version": {"type": "string"}},
            "additionalProperties": False,
        },
    ]
}


class TaskIn(Common):
    type = Choice(("task",))
    executor = Executor(required=True, metadata=EXECUTOR)
    payload = fields.Raw(allow_none=True, load_default=None, metadata={"description": "What the executor takes."})
    inputs = Files(Input, files.input_problems, load_default=list)
    outputs = Files(Output, files.output_problems, load_default=list)

    @validates_schema
    def _payload_fits(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        found = list(payloads.problems(data["executor"][0], data["payload"]))
        if found:
            raise ValidationError({"payload": tree(found)})


def said_in_the_spec(loaded: Mapping[str, Any], item: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
    """The fields of a TaskSpec that say how it runs, from a task or an inner task as read. What of `item`, as written,
    no field holds goes into `submitted`, and the `name` of an inner task.
    """
    executor, version = loaded["executor"]
    wanted, limitations = loaded.get("requirements", {}), loaded.get("limitations", {})
    beyond = {
        "hints": loaded.get("hints"),
        "executor": item["executor"] if isinstance(item["executor"], dict) else None,
        "name": name,
    }
    return {
        "executor": executor,
        "version": version,
        "payload": loaded["payload"],
        "inputs": tuple(loaded["inputs"]),
        "outputs": tuple(loaded["outputs"]),
        "shape": Resources(
            cpu_milli=wanted["cpu"] * 1000 if "cpu" in wanted else DEFAULT_SHAPE.cpu_milli,
            memory_mib=wanted.get("memory", DEFAULT_SHAPE.memory_mib),
        ),
        "time_limit_s": limitations.get("time_s", limits.DEFAULT_TIME_S),
        "max_attempts": limitations.get("attempts", 1),
        "retry_delay_s": limitations.get("retry_delay_s", 0),
        "memory_growth": limitations.get("memory_growth", 1.0),
        "tag": loaded.get("tag", ""),
        "submitted": {key: value for key, value in beyond.items() if value},
    }


def tree(found: Iterable[tuple[str, str]]) -> Any:
    """(pointer, detail) pairs as marshmallow nests its messages."""
    nested: dict[str, Any] = {}
    for pointer, detail in found:
        here = nested
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        for step in steps:
            here = here.setdefault(step, {})
        here.setdefault("_schema", []).append(detail)
    return nested
