"""Reading JSON objects of the wire by hand: typed, with the pointer of what is wrong."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
Json = Any  # a JSON value as parsed; Any because its shape is only known where it is read


class WireError(ValueError):
    """A message that does not have the agreed form. `pointer` is a JSON pointer (RFC 6901) into it."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer or '/'}: {detail}")
        self.pointer = pointer
        self.detail = detail


def take(source: Json, key: str, kind: type[T]) -> T:
    """The value of `key`, which must be there and of `kind`. A boolean is no integer; an integer is a float."""
    if not isinstance(source, Mapping):
        raise WireError("", "must be an object")
    if key not in source:
        raise WireError(f"/{key}", "is missing")
    value = source[key]
    if kind is float and type(value) is int:
        return float(value)  # type: ignore[return-value]  # T is float here
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise WireError(f"/{key}", f"must be {kind.__name__}")
    return value


def maybe(source: Json, key: str, kind: type[T]) -> T | None:
    """As `take`, but None when the key is absent or null."""
    return None if source.get(key) is None else take(source, key, kind)


def each(source: Json, key: str, read: Callable[[Json], T]) -> tuple[T, ...]:
    """`read` applied to every item of the array under `key`; an absent key is empty."""
    items = source.get(key) if isinstance(source, Mapping) else None
    if items is None:
        return ()
    if not isinstance(items, list):
        raise WireError(f"/{key}", "must be an array")
    out = []
    for index, item in enumerate(items):
        try:
            out.append(read(item))
        except WireError as wrong:
            raise WireError(f"/{key}/{index}{wrong.pointer}", wrong.detail) from None
    return tuple(out)


def text(value: Json) -> str:
    if not isinstance(value, str):
        raise WireError("", "must be a string")
    return value
