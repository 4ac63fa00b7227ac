"""Which executors do other distributions bring? Those of the entry points `flotilla.executors`, made at a node's start.

    [project.entry-points."flotilla.executors"]
    shout = "shouting:Shout"

The class is called with a `Home` and gives what `worker/outcome.py` calls an Executor. It may have `versions`,
`description`, `parameters` (a JSON Schema) and `requirements`, which are shown to people. One that cannot be loaded is
reported and left out: it must not keep the node from its other work.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from app.wire.cards import Card
from worker.outcome import Executor

log = logging.getLogger(__name__)
GROUP = "flotilla.executors"
KIND = "plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What a node tells an executor: where the API is, a folder that is its own, and the variables to give to every
    process it starts, so that none is left when the node dies.
    """

    api_url: str
    folder: Path
    mark: dict[str, str]


def load(home: Home, taken: Collection[str]) -> Iterator[tuple[Card, Executor]]:
    """Those that can be had, by name; `taken` are names that others have."""
    seen = set(taken)
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            if point.name in seen:
                raise ValueError(f"the name {point.name!r} is taken")
            found = _made(point, home)
        except Exception as problem:  # whatever foreign code raises
            log.error(
                "the executor %s of %s is left out: %s: %s",
                point.name,
                point.dist.name if point.dist else point.value,
                type(problem).__name__,
                problem,
            )
            continue
        seen.add(point.name)
        yield found


def _made(point: EntryPoint, home: Home) -> tuple[Card, Executor]:
    """Raises whatever its code raises, and TypeError for what is no executor."""
    own = Home(api_url=home.api_url, folder=home.folder / point.name, mark=home.mark)
    factory = point.load()
    own.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    executor: Any = factory(own)
    for method in ("run", "trim", "close"):
        if not callable(getattr(executor, method, None)):
            raise TypeError(f"{point.value} has no method {method}")
    card = Card(
        name=point.name,
        kind=KIND,
        versions=_strings(executor, "versions"),
        description=str(getattr(executor, "description", "")),
        parameters=_table(executor, "parameters"),
        requirements=_table(executor, "requirements"),
    )
    executor.name = point.name
    return card, executor


def _strings(executor: object, name: str) -> tuple[str, ...]:
    value = getattr(executor, name, ())
    if isinstance(value, str) or not all(isinstance(item, str) for item in value):
        raise TypeError(f"its {name} must be strings")
    return tuple(value)


def _table(executor: object, name: str) -> dict[str, Any]:
    value = getattr(executor, name, {})
    if not isinstance(value, dict):
        raise TypeError(f"its {name} must be a dict")
    return value
