"""`${{ ... }}` in payloads: what a task takes from what it needs, and from the job.

    ${{ needs.NAME.outputs.params.KEY }}    a value of NAME's result (KEY of the object, or `value`)
    ${{ needs.NAME.outputs.assets.FILE }}   a file that NAME left behind, as an object; `.uri`, `.id`, `.filename`,
                                            `.size`, `.checksum` and `.mediaType` after it are what is in it
    ${{ job.parameters.KEY }}               a parameter of the job
    ${{ map.value }}, ${{ map.value.KEY }}  in a map: the value that is worked on, or what is in it by keys and indexes
    ${{ map.index }}                        in a map: the value's place in the list, from 0
    ${{ secrets.NAME }}                     a secret of the organization; its value is put in on the node alone

A string that is one reference and nothing else becomes the value itself, whatever its type; inside a longer string the
value is written as text (JSON unless it is a string). What a reference brings in is never searched for references.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.domain.errors import Problem
from app.domain.graph import shorten

# No mark and no close between the braces, and nothing to go back to: linear in the text, however hostile.
_REFERENCE = re.compile(r"\$\{\{((?:[^$}]|\$(?!\{\{)|\}(?!\}))*+)\}\}")
_NEED = re.compile(r"needs\.(.+)\.outputs\.params\.(.+)", re.DOTALL)
_FILE = re.compile(r"needs\.(.+)\.outputs\.assets\.(.+)", re.DOTALL)
_PARAMETER = re.compile(r"job\.parameters\.(.+)", re.DOTALL)
_VALUE = re.compile(r"map\.(index|value(?:\..+)?)", re.DOTALL)
_SECRET = re.compile(r"secrets\.(.+)", re.DOTALL)
SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")

MARK = "${{"
FILE_FIELDS = ("uri", "id", "filename", "size", "checksum", "mediaType")


class Unresolved(Exception):
    """A reference to a value that is not there; the message is for the task's owner."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`task` is None for a parameter of the job, and in a map for its value (`of_map`), whose key is what follows
    `map.`. `of_files`: `key` is a file's name, perhaps with one of FILE_FIELDS behind it. `of_secret`: a secret's name.
    """

    task: str | None
    key: str
    of_map: bool = False
    of_files: bool = False
    of_secret: bool = False

    @property
    def of_job(self) -> bool:
        """A parameter of the job."""
        return self.task is None and not self.of_map and not self.of_secret


@dataclass(frozen=True, slots=True)
class SecretUse:
    """Where a secret is referred to, and its name."""

    pointer: str
    name: str


Lookup = Callable[[Reference], Any]


def parse(text: str) -> Reference | None:
    """The reference between the braces, or None when it is of no known form."""
    text = text.strip()
    if found := _NEED.fullmatch(text):
        return Reference(found[1], found[2])
    if found := _FILE.fullmatch(text):
        return Reference(found[1], found[2], of_files=True)
    if found := _PARAMETER.fullmatch(text):
        return Reference(None, found[1])
    if found := _VALUE.fullmatch(text):
        return Reference(None, found[1], of_map=True)
    if (found := _SECRET.fullmatch(text)) and SECRET_NAME.fullmatch(found[1]):
        return Reference(None, found[1], of_secret=True)
    return None


def check(
    payload: Any,
    pointer: str,
    needs: Collection[str],
    parameters: Collection[str],
    *,
    in_map: bool = False,
    secrets: list[SecretUse] | None = None,
) -> list[Problem]:
    """What is known to be wrong before anything runs: the form, tasks not among the needs, absent parameters. Secrets
    are noted in `secrets`; where that is None there may be none.
    """
    problems = []
    needs = frozenset(needs)
    for place, text in _strings(payload, pointer):
        for found in _REFERENCE.finditer(text):
            reference = parse(found[1])
            if reference is not None and reference.of_secret and secrets is not None:
                secrets.append(SecretUse(place, reference.key))
            elif detail := _wrong(found[1], reference, needs, parameters, in_map):
                problems.append(Problem(place, detail))
    return problems


def _wrong(
    text: str, reference: Reference | None, needs: Collection[str], parameters: Collection[str], in_map: bool
) -> str | None:
    if reference is None:
        return (
            f"{shorten(text.strip())} is no reference; allowed are needs.NAME.outputs.params.KEY, "
            "needs.NAME.outputs.assets.FILE, job.parameters.KEY and secrets.NAME"
        )
    if reference.of_secret:
        return "secrets stand in the payload and the inputs of a task, and nowhere else"
    if reference.of_map:
        return None if in_map else "map.value and map.index stand in the inner task of a map, and nowhere else"
    if reference.task is None:
        return None if reference.key in parameters else f"the job has no parameter {shorten(reference.key)}"
    if reference.task not in needs:
        return f"refers to task {shorten(reference.task)}, which is not among this task's needs"
    return None


def find(payload: Any) -> set[Reference]:
    """Every well-formed reference in the payload."""
    found = (parse(match[1]) for _, text in _strings(payload, "") for match in _REFERENCE.finditer(text))
    return {reference for reference in found if reference is not None}


def resolve(payload: Any, lookup: Lookup) -> Any:
    """The payload with every reference replaced. Raises what `lookup` raises."""
    if isinstance(payload, str):
        return _expand(payload, lookup) if MARK in payload else payload
    if isinstance(payload, list):
        return [resolve(item, lookup) for item in payload]
    if isinstance(payload, dict):
        return {key: resolve(value, lookup) for key, value in payload.items()}
    return payload


def value_of(result: Any, reference: Reference) -> Any:
    """The value a reference names in a task's result. Raises Unresolved when the result has no such key."""
    params = result if isinstance(result, dict) else {"value": result}
    if reference.key not in params:
        known = ", ".join(sorted(map(str, params))[:10]) or "none"
        raise Unresolved(f"the result of {shorten(reference.task or 'job')} has no {reference.key!r}; it has: {known}")
    return params[reference.key]


def file_of(files: Mapping[str, Any], reference: Reference) -> Any:
    """What a reference `of_files` names; a map's files of one name are a list. Raises Unresolved."""
    if reference.key in files:
        return files[reference.key]
    name, _, field = reference.key.rpartition(".")
    found = files.get(name) if field in FILE_FIELDS else None
    if found is None:
        known = ", ".join(sorted(files)[:10]) or "none"
        raise Unresolved(f"{shorten(reference.task or '')} left no file {reference.key!r}; it has: {known}")
    return [one[field] for one in found] if isinstance(found, list) else found[field]


def value_in_map(value: Any, index: int, reference: Reference) -> Any:
    """What a reference `of_map` names. Raises Unresolved when the value has nothing there."""
    if reference.key == "index":
        return index
    for step in reference.key.split(".")[1:]:
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif isinstance(value, list) and step.isascii() and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            raise Unresolved(f"value {index} of the map has no {reference.key.partition('.')[2]!r}")
    return value


def _expand(text: str, lookup: Lookup) -> Any:
    whole = _REFERENCE.fullmatch(text.strip())
    if whole and (reference := parse(whole[1])):
        return lookup(reference)

    def written(found: re.Match[str]) -> str:
        reference = parse(found[1])
        if reference is None:
            return found[0]
        value = lookup(reference)
        return value if isinstance(value, str) else json.dumps(value)

    return _REFERENCE.sub(written, text)


def _strings(payload: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(payload, str):
        if MARK in payload:
            yield pointer, payload
    elif isinstance(payload, list):
        for index, item in enumerate(payload):
            yield from _strings(item, f"{pointer}/{index}")
    elif isinstance(payload, dict):
        for key, value in payload.items():
            escaped = str(key).replace("~", "~0").replace("/", "~1")
            yield from _strings(value, f"{pointer}/{escaped}")
