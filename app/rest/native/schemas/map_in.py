"""A map as submitted: an inner task, the values it runs for, and how it becomes a TaskSpec."""

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from app.domain import limits
from app.domain.chords import RunWhen
from app.domain.task import TaskSpec
from app.rest import files, payloads
from app.rest.native.fields import Choice, Object, Strict, Text, Whole
from app.rest.native.schemas.task_in import (
    EXECUTOR,
    Common,
    Executor,
    Files,
    Input,
    Limitations,
    Output,
    Requirements,
    said_in_the_spec,
    tree,
)

SOURCE: Final = (
    "A JSON array; a string that holds one; the URI (https, flotilla:) of one or of JSON Lines; or a reference, as "
    "`${{ needs.list.outputs.params.frames }}`, which is known when that task has ended. At most a million values."
)
_FOR_ALL: Final = ("requirements", "limitations", "hints", "tag")
"""What may be said of the map, too, and holds where the inner task says nothing."""


class InnerTask(Strict):
    """What is done with each value, `${{ map.value }}` in it, whose place is `${{ map.index }}`."""

    name = Text(limits.MAX_TASK_NAME, metadata={"description": "Shown again, and nothing else."})
    type = Choice(("task",))
    executor = Executor(required=True, metadata=EXECUTOR)
    payload = fields.Raw(allow_none=True, load_default=None)
    inputs = Files(Input, files.input_problems, load_default=list)
    outputs = Files(Output, files.output_problems, load_default=list)
    requirements = fields.Nested(Requirements)
    limitations = fields.Nested(Limitations)
    hints = Object()
    tag = Text(limits.MAX_EXECUTOR_NAME, low=0)

    @validates_schema
    def _payload_fits(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        found = list(payloads.problems(data["executor"][0], data["payload"]))
        if found:
            raise ValidationError({"payload": tree(found)})


class Values(Strict):
    source = fields.Raw(required=True, metadata={"description": SOURCE})


class MapIn(Common):
    type = Choice(("map",), required=True)
    task = fields.Nested(InnerTask, required=True)
    values = fields.Nested(Values, required=True)
    max_concurrency = Whole(
        1, limits.MAX_MAP_VALUES, data_key="maxConcurrency", metadata={"description": "Values in work at a time."}
    )
    max_failed = Whole(
        0,
        limits.MAX_MAP_VALUES,
        data_key="maxFailedTasks",
        metadata={"description": "With more failed values the rest is canceled; with fewer the map succeeds."},
    )


_JUDGE: Final = MapIn()


def read_map(item: Any, priority: int) -> TaskSpec:
    """`priority` is the job's. Raises ValidationError."""
    loaded = _JUDGE.load(item)
    inner = {key: loaded[key] for key in _FOR_ALL if key in loaded} | loaded["task"]
    written = {"executor": item["task"]["executor"]}
    return TaskSpec(
        name=loaded["name"],
        needs=tuple(loaded["needs"]),
        run_when=RunWhen(loaded["run_when"]),
        priority=loaded.get("priority", priority),
        type="map",
        values=loaded["values"]["source"],
        max_concurrency=loaded.get("max_concurrency"),
        max_failed=loaded.get("max_failed"),
        **said_in_the_spec(inner, written, name=loaded["task"].get("name")),
    )
