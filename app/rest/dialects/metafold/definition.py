"""What does a workflow definition ask for? Its jobs, with what is wired to what; nothing of files or values yet.

    jobs:
      JOB:
        type: EXECUTOR
        needs: [JOB, ...]
        assets:      {NAME: JOB | {job: JOB, asset: NAME} | [{job: JOB, asset: NAME}, ...]}
        parameters:  {NAME: {job: JOB, parameter: NAME} | TEXT}

What is wired from a job needs that job, said or not. All that is wrong is told at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain import limits
from app.domain.errors import Invalid, Problem
from app.domain.graph import shorten
from app.rest.dialects.metafold import document
from app.rest.native.fields import text_problem

PLACE: Final = "/definition"
_KEYS: Final = ("type", "needs", "assets", "parameters")
_UNSPEAKABLE: Final = ("${{", "}}")


@dataclass(frozen=True, slots=True)
class Wire:
    """An output of another job, by its name there."""

    job: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`assets` has one wire for a file and several for an array of files; a parameter is a wire or a text."""

    name: str
    type: str
    needs: tuple[str, ...]
    assets: dict[str, Wire | tuple[Wire, ...]] = field(default_factory=dict)
    parameters: dict[str, Wire | str] = field(default_factory=dict)


class _WrongError(Exception):
    pass


def read(text: str) -> tuple[Job, ...]:
    """Raises Invalid."""
    root = document.read(text, PLACE)
    if not isinstance(root, dict) or not isinstance(root.get("jobs"), dict) or not root["jobs"]:
        raise Invalid([Problem(PLACE, "must be an object with jobs, an object of at least one job by its name")])
    problems = [Problem(PLACE, f"{shorten(key)} is not known here; allowed is jobs") for key in root if key != "jobs"]
    jobs: list[Job] = []
    for name, said in root["jobs"].items():
        try:
            jobs.append(_job(name, said))
        except _WrongError as wrong:
            problems.append(Problem(PLACE, f"job {shorten(name)}: {wrong}"))
    names = {job.name for job in jobs}
    for job in jobs if not problems else ():
        for need in dict.fromkeys(job.needs):
            if need not in names:
                detail = f"job {shorten(job.name)} needs {shorten(need)}, and there is no such job"
                problems.append(Problem(PLACE, detail))
    if problems:
        raise Invalid(problems[: limits.MAX_PROBLEMS], total=len(problems))
    return tuple(jobs)


def _job(name: str, said: Any) -> Job:
    _check_name(name, "its name")
    if not isinstance(said, dict):
        raise _WrongError("must be an object with type")
    if unknown := [key for key in said if key not in _KEYS]:
        raise _WrongError(f"{shorten(unknown[0])} is not known here; allowed are {', '.join(_KEYS)}")
    kind = said.get("type")
    if wrong := text_problem(kind, 1, limits.MAX_EXECUTOR_NAME):
        raise _WrongError(f"type {wrong}")
    needs = said.get("needs") or []
    if not isinstance(needs, list) or not all(isinstance(need, str) for need in needs):
        raise _WrongError("needs must be an array of names of jobs")
    if len(set(needs)) < len(needs):
        raise _WrongError("needs names a job twice")
    assets = {key: _asset(key, value) for key, value in _members(said, "assets")}
    parameters = {key: _parameter(key, value) for key, value in _members(said, "parameters")}
    wired = [wire.job for each in assets.values() for wire in (each if isinstance(each, tuple) else (each,))]
    wired += [each.job for each in parameters.values() if isinstance(each, Wire)]
    return Job(
        name=name,
        type=str(kind),
        needs=tuple(dict.fromkeys([*needs, *wired])),
        assets=assets,
        parameters=parameters,
    )


def _members(said: dict[str, Any], key: str) -> Iterator[tuple[str, Any]]:
    found = said.get(key)
    if found is not None and not isinstance(found, dict):
        raise _WrongError(f"{key} must be an object")
    for name, value in (found or {}).items():
        _check_name(name, f"a name in {key}")
        yield name, value


def _asset(name: str, said: Any) -> Wire | tuple[Wire, ...]:
    if isinstance(said, str):
        return Wire(said, name)
    if isinstance(said, list) and said:
        return tuple(_wire(each, "asset", name) for each in said)
    return _wire(said, "asset", name)


def _parameter(name: str, said: Any) -> Wire | str:
    return said if isinstance(said, str) else _wire(said, "parameter", name)


def _wire(said: Any, key: str, name: str) -> Wire:
    if not isinstance(said, dict) or said.keys() != {"job", key} or not all(isinstance(v, str) for v in said.values()):
        raise _WrongError(f"{shorten(name)} must be an object with job and {key}, both texts")
    _check_name(said[key], f"the {key} that {shorten(name)} is wired to")
    return Wire(said["job"], said[key])


def _check_name(name: str, what: str) -> None:
    if wrong := text_problem(name, 1, limits.MAX_TASK_NAME):
        raise _WrongError(f"{what} {wrong}")
    if name != name.strip() or any(mark in name for mark in _UNSPEAKABLE):
        raise _WrongError(f"{what} must neither begin or end with a space nor hold {' or '.join(_UNSPEAKABLE)}")
