"""How does a definition, with the values given for it, become a native job?

    type                   the executor
    an input asset         an input that lies in the run's folder under its name; of an array the files lie in a folder
                           of that name, as 0, 1, ...
    a parameter            a key of the payload; a text that holds a JSON object or array is read as one
    of `command`           `stdin` stays text, and `outputs` (JSON text, name to path) declares files
    a wire                 a reference: ${{ needs.JOB.outputs.params.NAME }}, ${{ needs.JOB.outputs.assets.NAME.uri }}

The job is then judged by the native reader, so that both accept and refuse the same.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import orjson
from marshmallow import ValidationError
from msgspec import structs

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.domain.graph import shorten
from app.domain.job import JobSpec, Source
from app.domain.task import TaskSpec
from app.ports.records import Asset
from app.rest import problems
from app.rest.dialects.metafold.definition import Job, Wire
from app.rest.native.schemas.tasks_in import Tasks
from app.services.placed import PARAMETERS
from app.wire.outputs import ASSET_SCHEME

Document = dict[str, Any]  # a JSON object
Given = Mapping[str, str | Sequence[str]]
"""What was given at submit by "job.input"."""

COMMAND: Final = "command"
OUTPUTS: Final = "outputs"
_TEXTS_OF_COMMAND: Final = frozenset({"stdin"})
_PLACE = re.compile(r"/tasks/(\d+)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Task:
    """A task as it is submitted natively, and the parameters as they were said."""

    document: Document
    said: Mapping[str, Any]


def placed(given: Given, jobs: Iterable[Job], pointer: str) -> dict[str, dict[str, str | Sequence[str]]]:
    """By job, then input. Both names may have dots: what stands before one of them must be a job. Raises Invalid."""
    names = {job.name for job in jobs}
    found: dict[str, dict[str, str | Sequence[str]]] = {}
    wrong: list[Problem] = []
    for key, value in given.items():
        parts = key.split(".")
        job = next((name for n in range(1, len(parts)) if (name := ".".join(parts[:n])) in names), None)
        if job is None or len(key) == len(job) + 1:
            wrong.append(Problem(pointer, f"{shorten(key)} must be the name of a job, a dot, and the name of an input"))
        else:
            found.setdefault(job, {})[key[len(job) + 1 :]] = value
    if wrong:
        raise Invalid(wrong[: limits.MAX_PROBLEMS], total=len(wrong))
    return found


def workflow(
    jobs: Sequence[Job],
    *,
    text: str,
    assets: Given,
    parameters: Given,
    find: Callable[[set[str]], Mapping[str, Asset]],
    project_id: str,
) -> JobSpec:
    """`find` gives the stored files of these names. Raises Invalid."""
    files, values = placed(assets, jobs, "/assets"), placed(parameters, jobs, "/parameters")
    wanted = {name for of_job in files.values() for each in of_job.values() for name in _listed(each)}
    stored = find(wanted) if wanted else {}
    if missing := sorted(wanted - stored.keys()):
        raise Invalid([Problem("/assets", f"there is no asset with the filename {shorten(name)}") for name in missing])
    made = []
    for job in jobs:
        inputs = _inputs(job, files.get(job.name, {}), stored)
        made.append(_task(job.name, job.type, job.needs, inputs, _parameters(job, values.get(job.name, {}))))
    name = ", ".join(job.name for job in jobs)[: limits.MAX_JOB_NAME]
    return _spec(name, made, Source(text=text), project_id)


def single(kind: str, name: str, parameters: Mapping[str, Any], project_id: str) -> JobSpec:
    """One job by itself. Raises Invalid."""
    made = _task(name, kind, (), [], parameters)
    return _spec(name[: limits.MAX_JOB_NAME], [made], Source(single=True), project_id)


def _spec(name: str, made: Sequence[_Task], source: Source, project_id: str) -> JobSpec:
    names = [each.document["name"] for each in made]
    try:
        judged = Tasks().deserialize([each.document for each in made])
    except ValidationError as wrong:
        found = problems.places({"tasks": problems.messages(wrong)})
        raise Invalid([in_words(each, names) for each in found]) from None
    specs = cast("tuple[TaskSpec, ...]", judged)  # a field of marshmallow may make anything
    tasks = [
        structs.replace(spec, submitted={**spec.submitted, PARAMETERS: each.said})
        for spec, each in zip(specs, made, strict=True)
    ]
    return JobSpec(name=name, tasks=tuple(tasks), source=source, project_id=project_id)


@contextmanager
def in_our_words(names: Sequence[str]) -> Iterator[None]:
    """What is wrong with a native job is told of these jobs."""
    try:
        yield
    except Invalid as wrong:
        raise Invalid([in_words(each, names) for each in wrong.problems], total=wrong.total) from None


def in_words(problem: Problem, names: Sequence[str]) -> Problem:
    """A place in the native job as one that its caller knows: its tasks are jobs here."""
    place = _PLACE.fullmatch(problem.pointer)
    if place is None or int(place[1]) >= len(names):
        return problem
    detail = problem.detail.replace("no task named", "no job named").replace(
        "tasks need each other", "jobs need each other"
    )
    where = place[2].strip("/").replace("/", ".")
    return Problem("", f"job {shorten(names[int(place[1])])}: {where + ': ' if where else ''}{detail}")


def _task(
    name: str, kind: str, needs: Sequence[str], inputs: Sequence[Document], parameters: Mapping[str, Any]
) -> _Task:
    payload = {key: _read(kind, key, value) for key, value in parameters.items()}
    item: Document = {"name": name, "executor": kind, "needs": list(needs), "inputs": list(inputs), "payload": payload}
    if kind == COMMAND and OUTPUTS in payload:
        item["outputs"] = _outputs(name, payload.pop(OUTPUTS))
    return _Task(item, parameters)


def _read(kind: str, key: str, value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_read(kind, key, each) for each in value]
    if not isinstance(value, str) or (kind == COMMAND and key in _TEXTS_OF_COMMAND):
        return value
    text = value.strip()
    if not text or (text[0], text[-1]) not in (("{", "}"), ("[", "]")):
        return value
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return value


def _outputs(name: str, said: Any) -> list[Document]:
    if not isinstance(said, dict) or not all(isinstance(path, str) for path in said.values()):
        raise Invalid([Problem("", f"job {shorten(name)}: outputs must be JSON text, an object of names and paths")])
    return [{"source": {"path": path}, "name": output} for output, path in said.items()]


def _parameters(job: Job, given: Mapping[str, str | Sequence[str]]) -> Document:
    made: Document = {
        name: f"${{{{ needs.{each.job}.outputs.params.{each.name} }}}}" if isinstance(each, Wire) else each
        for name, each in job.parameters.items()
    }
    return made | dict(_unwired(given, {n for n, each in job.parameters.items() if isinstance(each, Wire)}, job))


def _inputs(job: Job, given: Mapping[str, str | Sequence[str]], stored: Mapping[str, Asset]) -> list[Document]:
    sources: dict[str, str] = {}
    for name, wired in job.assets.items():
        for path, wire in _paths(name, wired if isinstance(wired, tuple) else None, wired):
            sources[path] = f"${{{{ needs.{wire.job}.outputs.assets.{wire.name}.uri }}}}"
    for name, said in _unwired(given, job.assets.keys(), job).items():
        for path, filename in _paths(name, None if isinstance(said, str) else said, said):
            sources[path] = ASSET_SCHEME + stored[filename].id
    return [{"source": {"uri": uri}, "target": {"path": path}} for path, uri in sources.items()]


def _paths(name: str, several: Sequence[Any] | None, one: Any) -> list[tuple[str, Any]]:
    return [(name, one)] if several is None else [(f"{name}/{index}", each) for index, each in enumerate(several)]


def _unwired(
    given: Mapping[str, str | Sequence[str]], wired: Iterable[str], job: Job
) -> Mapping[str, str | Sequence[str]]:
    """Raises Invalid for a value of an input that gets it from another job."""
    if twice := sorted(set(wired) & given.keys()):
        detail = f"job {shorten(job.name)}: {shorten(twice[0])} is wired to another job and cannot be given, too"
        raise Invalid([Problem("", detail)])
    return given


def _listed(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value
