"""How does a TOML file become declarations? All that is wrong with it is said at once; nothing half right is returned.

`deploy/executors.toml` shows every key.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from worker.executors.callables import Table as Callables
from worker.executors.declared.declaration import KINDS, Declaration
from worker.executors.declared.schemas import read_parameters
from worker.executors.declared.tables import DeclarationError, Problems, Table
from worker.executors.declared.ways import read_way

BUILT_IN = ("command", "python")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+/ -]{0,198}[A-Za-z0-9_]|[A-Za-z0-9_]")
_LONGEST_TEXT = 4000
_LONGEST_S = 172_800


def read_files(paths: Iterable[Path], callables: Callables) -> tuple[Declaration, ...]:
    """All that these files declare. Raises DeclarationError."""
    found: list[Declaration] = []
    lines: list[str] = []
    for path in paths:
        problems = Problems(str(path))
        found += _of_file(path, callables, problems)
        lines += problems.lines
    lines += _twice(found)
    if lines:
        raise DeclarationError("\n".join(lines))
    return tuple(found)


def _of_file(path: Path, callables: Callables, problems: Problems) -> list[Declaration]:
    try:
        source = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        problems.add("", f"cannot be read: {problem.strerror}")
        return []
    except ValueError as problem:  # of TOML or of UTF-8
        problems.add("", f"is not TOML: {problem}")
        return []
    root = Table(source, "", problems)
    found = root.take("executor", list, [], needed=True)
    tables = [Table(each, _place(each, index), problems) for index, each in enumerate(found) if isinstance(each, dict)]
    if len(tables) < len(found):
        root.wrong("executor", "must be tables: [[executor]]")
    root.end()
    return [_declaration(table, callables) for table in tables]


def _place(source: dict[str, Any], index: int) -> str:
    name = source.get("name")
    return name if isinstance(name, str) and _NAME.fullmatch(name) else f"executor[{index}]"


def _twice(found: Sequence[Declaration]) -> list[str]:
    """A name may have several declarations when each has versions of its own; the first is what runs without one."""
    names = Counter(declaration.name for declaration in found)
    offers = Counter(offer for declaration in found for offer in declaration.card.offers[1:])
    twice = [offer for offer, count in offers.items() if count > 1]
    twice += [each.name for each in found if names[each.name] > 1 and not each.versions]
    return [f"{offer}: is declared twice; give each declaration of a name versions of its own" for offer in twice]


def _declaration(table: Table, callables: Callables) -> Declaration:
    name, kind = table.take("name", str, "", needed=True), table.take("kind", str, "", needed=True)
    if table.has("name") and (name in BUILT_IN or not _NAME.fullmatch(name)):
        text = "must be 1 to 200 letters, digits or any of _ . : + / - and inner spaces, and not"
        table.wrong("name", f"{text} {' or '.join(BUILT_IN)}, which every node has")
    if kind and kind not in KINDS:
        table.wrong("kind", f"must be one of {', '.join(KINDS)}")
    parameters = read_parameters(table)
    declaration = Declaration(
        name=name,
        kind=kind,
        versions=_versions(table),
        description=table.take("description", str, "")[:_LONGEST_TEXT],
        parameters=parameters,
        requirements=_requirements(table),
        timeout_s=_whole(table, "timeout", 1, _LONGEST_S),
        how=read_way(table, kind, parameters, callables),
    )
    if kind in KINDS:
        table.end()
    return declaration


def _versions(table: Table) -> tuple[str, ...]:
    versions = table.strings("versions")
    if not all(re.fullmatch(r"[A-Za-z0-9_.:+-]{1,200}", version) for version in versions):
        table.wrong("versions", "must be strings of letters, digits or any of _ . : + -")
    if len(set(versions)) < len(versions):
        table.wrong("versions", "names one twice")
    return versions


def _requirements(table: Table) -> dict[str, int]:
    inner = table.table("requirements")
    said = {"cpu": _whole(inner, "cpu", 1, 16), "memory": _whole(inner, "memory", 1, 122_880)}
    inner.end()
    return {key: value for key, value in said.items() if value is not None}


def _whole(table: Table, key: str, low: int, high: int) -> int | None:
    value = table.take(key, int, low)
    if not low <= value <= high:
        table.wrong(key, f"must be from {low} to {high}")
    return value if table.has(key) else None
