"""A changed copy of any value, be it a dataclass or a struct: tests need not know which of them is made often."""

import dataclasses
from typing import Any, TypeVar

from msgspec import Struct, structs

T = TypeVar("T")


def replace(value: T, **changes: Any) -> T:
    if isinstance(value, Struct):
        return structs.replace(value, **changes)
    return dataclasses.replace(value, **changes)  # type: ignore[type-var]


def field_defaults(value: object) -> dict[str, Any]:
    """Each field by name with its default, or a mark that equals nothing where it has none."""
    if isinstance(value, Struct):
        found = {each.name: (each.default, each.default_factory) for each in structs.fields(value)}
    else:
        found = {each.name: (each.default, each.default_factory) for each in dataclasses.fields(value)}  # type: ignore[arg-type]
    return {name: factory() if callable(factory) else default for name, (default, factory) in found.items()}
