"""Which Python callables may be run, and by what names? Built in, by entry point, or by the node's configuration.

Imported in the node and in the runner; a callable's own module is imported only in the runner, when it is first run.
"""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any

GROUP = "flotilla.callables"
VARIABLE = "FLOTILLA_CALLABLES"
BUILT_IN = {"noop": "worker.executors.trials:noop", "sleep": "worker.executors.trials:sleep"}


class UnknownCallableError(LookupError):
    """The text names what there is."""


def configured(text: str) -> dict[str, str]:
    """`name=module:attr,...` as a table. Raises ValueError that says what is wrong."""
    out: dict[str, str] = {}
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, target = item.partition("=")
        module, colon, attribute = target.partition(":")
        if not (equals and colon and name and module and attribute):
            raise ValueError(f"{item!r} must have the form name=module:attribute")
        out[name] = target
    return out


class Table:
    """Names to callables, found when asked for; entry points are only searched when the other names do not do."""

    def __init__(self, extra: dict[str, str]) -> None:
        self._targets = {**BUILT_IN, **extra}
        self._found: dict[str, Callable[..., Any]] = {}
        self._searched = False

    def get(self, name: str) -> Callable[..., Any]:
        """Raises UnknownCallableError, or whatever importing the module raises."""
        if name not in self._found:
            self._found[name] = self._load(name)
        return self._found[name]

    def names(self) -> list[str]:
        self._search()
        return sorted(self._targets)

    def _load(self, name: str) -> Callable[..., Any]:
        if name not in self._targets:
            self._search()
        if name not in self._targets:
            raise UnknownCallableError(f"no callable {name!r} on this node; it has: {', '.join(self.names())}")
        module, _, attribute = self._targets[name].partition(":")
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]  # what an attribute path leads to is not known statically

    def _search(self) -> None:
        if self._searched:
            return
        from importlib.metadata import entry_points

        self._searched = True
        for point in entry_points(group=GROUP):
            self._targets.setdefault(point.name, point.value)


def from_environment() -> Table:
    return Table(configured(os.environ.get(VARIABLE, "")))
