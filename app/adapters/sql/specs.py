"""What was asked for, as one JSON text a task: the object that the caller wrote, and beside it what cannot be taken
from there. It knows no table.
"""

from collections.abc import Sequence
from operator import is_
from typing import Any

import orjson

from app.adapters.sql.session import dump
from app.domain.chords import RunWhen
from app.domain.task import TaskSpec
from app.wire.resources import Resources

_RUN_WHEN = {run_when.value: run_when for run_when in RunWhen}
_WRITTEN = 0
"""Stands for a value that is the very one of the submitted object under the field's name."""


def spec_text(spec: TaskSpec) -> str:
    submitted = spec.submitted
    payload = submitted.get("payload") if isinstance(submitted, dict) else None
    return dump(
        [
            submitted,
            spec.name,
            spec.executor,
            spec.version,
            _unless_written(submitted, "needs", spec.needs),
            spec.run_when.value,
            _WRITTEN if payload is not None and payload is spec.payload else [spec.payload],
            _unless_written(submitted, "inputs", spec.inputs),
            _unless_written(submitted, "outputs", spec.outputs),
            spec.shape.cpu_milli,
            spec.shape.memory_mib,
            spec.time_limit_s,
            spec.max_attempts,
            spec.retry_delay_s,
            spec.priority,
            spec.tag,
            spec.memory_growth,
        ]
    )


def spec_of(text: str) -> TaskSpec:
    row = orjson.loads(text)
    submitted = row[0]
    return TaskSpec(
        submitted=submitted,
        name=row[1],
        executor=row[2],
        version=row[3],
        needs=tuple(submitted["needs"] if row[4] == _WRITTEN else row[4]),
        run_when=_RUN_WHEN[row[5]],
        payload=submitted["payload"] if row[6] == _WRITTEN else row[6][0],
        inputs=tuple(submitted["inputs"] if row[7] == _WRITTEN else row[7]),
        outputs=tuple(submitted["outputs"] if row[8] == _WRITTEN else row[8]),
        shape=Resources(cpu_milli=row[9], memory_mib=row[10]),
        time_limit_s=row[11],
        max_attempts=row[12],
        retry_delay_s=row[13],
        priority=row[14],
        tag=row[15],
        memory_growth=row[16],
    )


def _unless_written(submitted: Any, name: str, values: Sequence[Any]) -> Any:
    """Equal is not enough: 1, 1.0 and True are equal, and differ in JSON."""
    written = submitted.get(name)
    if isinstance(written, list | tuple) and len(written) == len(values) and all(map(is_, written, values)):
        return _WRITTEN
    return values
