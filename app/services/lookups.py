"""What does a reference stand for? Results and files of what a task needs, its job's parameters, the value of a map."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain import limits, references
from app.domain.references import Reference, Unresolved
from app.ports.records import NeedResult
from app.ports.store import Reader
from app.services.files import Files, files_of
from app.wire.states import TaskState


@dataclass(frozen=True, slots=True)
class Oversized:
    """In place of a map's results that are too many to be written into a payload."""

    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """`value` and `index` are those of a map's value; `secrets` are the marks that stand for values, by name. Raises
    Unresolved, when asked for what is not there.
    """

    results: Mapping[str, NeedResult]
    files: Mapping[str, Files]
    parameters: Mapping[str, object]
    value: Any = None
    index: int | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, reference: Reference) -> Any:
        if reference.of_map:
            return references.value_in_map(self.value, self.index or 0, reference)
        if reference.of_secret:
            if reference.key not in self.secrets:
                raise Unresolved(f"there is no secret {reference.key!r} that this server can read")
            return self.secrets[reference.key]
        if reference.task is None:
            return references.value_of(dict(self.parameters), reference)
        need = self.results.get(reference.task)
        if need is None or need.state is not TaskState.SUCCEEDED:
            state = need.state.value if need else "unknown"
            raise Unresolved(f"task {reference.task!r} is {state} and has no result to refer to")
        if reference.of_files:
            return references.file_of(self.files.get(reference.task, {}), reference)
        if isinstance(need.result, Oversized):
            most = f"at most {limits.MAX_MAP_RESULT_BYTES} can be referred to"
            raise Unresolved(f"the results of {reference.task!r} have {need.result.size} bytes; {most}")
        return references.value_of(need.result, reference)


def needed(tx: Reader, job_seq: int, names: Collection[str]) -> Mapping[str, NeedResult]:
    """The results of the tasks so named; of a map the list of its values'."""
    results = tx.results(job_seq, names) if names else {}
    numbers = [need.map_seq for need in results.values() if need.map_seq is not None]
    if not numbers:
        return results
    maps = tx.maps(numbers)
    found = dict(results)
    for name, need in results.items():
        if need.map_seq is not None and need.state is TaskState.SUCCEEDED:
            a_map = maps[need.map_seq]
            small = a_map.result_bytes <= limits.MAX_MAP_RESULT_BYTES
            found[name] = replace(need, result=tx.value_results(a_map) if small else Oversized(a_map.result_bytes))
    return found


def lookup_for(tx: Reader, job_seq: int, job_id: str, wanted: Collection[Reference]) -> Lookup:
    """For these references of one task."""
    names = {each.task for each in wanted if each.task is not None}
    filed = {each.task for each in wanted if each.task is not None and each.of_files}
    job = tx.job(job_id) if any(each.of_job for each in wanted) else None
    return Lookup(
        results=needed(tx, job_seq, names),
        files=files_of(tx, job_seq, filed) if filed else {},
        parameters=job.parameters if job else {},
    )
