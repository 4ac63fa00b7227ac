"""What was asked for, as one JSON text a task. It knows no table."""

import orjson

from app.adapters.sql.session import dump
from app.domain.chords import RunWhen
from app.domain.task import TaskSpec
from app.wire.resources import Resources

_RUN_WHEN = {run_when.value: run_when for run_when in RunWhen}

_PLAIN = 17
"""Fields of a task that is no map; a task of a job with a trace has one more at the end."""
_MAP = 20


def spec_text(spec: TaskSpec) -> str:
    """A list and not an object: there are as many texts as tasks, and all would have the same keys."""
    return dump(
        [
            spec.name,
            spec.executor,
            spec.version,
            spec.needs,
            spec.run_when.value,
            spec.payload,
            spec.inputs,
            spec.outputs,
            spec.shape.cpu_milli,
            spec.shape.memory_mib,
            spec.time_limit_s,
            spec.max_attempts,
            spec.retry_delay_s,
            spec.priority,
            spec.tag,
            spec.submitted,
            spec.memory_growth,
            *([spec.max_concurrency, spec.max_failed, spec.values] if spec.type == "map" else ()),
            *([spec.traceparent] if spec.traceparent else ()),
        ]
    )


def spec_of(text: str) -> TaskSpec:
    row = orjson.loads(text)
    width = len(row)
    is_map = width >= _MAP
    return TaskSpec(
        name=row[0],
        executor=row[1],
        version=row[2],
        needs=tuple(row[3]),
        run_when=_RUN_WHEN[row[4]],
        payload=row[5],
        inputs=tuple(row[6]),
        outputs=tuple(row[7]),
        shape=Resources(cpu_milli=row[8], memory_mib=row[9]),
        time_limit_s=row[10],
        max_attempts=row[11],
        retry_delay_s=row[12],
        priority=row[13],
        tag=row[14],
        submitted=row[15],
        memory_growth=row[16],
        type="map" if is_map else "task",
        max_concurrency=row[_PLAIN] if is_map else None,
        max_failed=row[_PLAIN + 1] if is_map else None,
        values=row[_PLAIN + 2] if is_map else None,
        traceparent=row[-1] if width not in (_PLAIN, _MAP) else None,
    )
