"""Reading JSON objects of the wire by hand: typed, with the pointer of what is wrong."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
Json = Any  # a JSON value as parsed; Any because its shape is only known where it is read

_LARGEST = (1 << 63) - 1  # what a database's integer holds


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
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        raise WireError(f"/{key}", "must fit into 64 bits")
    if kind is float and type(value) is int:
        return float(value)  # type: ignore[return-value]  # T is float here
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise WireError(f"/{key}", f"must be {kind.__name__}")
    return value


def maybe(source: Json, key: str, kind: type[T]) -> T | None:
    """As `take`, but None when the key is absent or null."""
    absent = isinstance(source, Mapping) and source.get(key) is None
    return None if absent else take(source, key, kind)


def part(source: Json, key: str, read: Callable[[Json], T]) -> T:
    """`read` applied to the value of `key`, which must be there."""
    if not isinstance(source, Mapping):
        raise WireError("", "must be an object")
    if key not in source:
        raise WireError(f"/{escape(key)}", "is missing")
    return _below(f"/{escape(key)}", read, source[key])


def each(source: Json, key: str, read: Callable[[Json], T]) -> tuple[T, ...]:
    """`read` applied to every item of the array under `key`; an absent key is empty."""
    if not isinstance(source, Mapping):
        raise WireError("", "must be an object")
    items = source.get(key)
    if items is None:
        return ()
    if not isinstance(items, list):
        raise WireError(f"/{escape(key)}", "must be an array")
    return tuple(_below(f"/{escape(key)}/{index}", read, item) for index, item in enumerate(items))


def escape(key: str) -> str:
    """A key as it stands in a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def _below(pointer: str, read: Callable[[Json], T], value: Json) -> T:
    try:
        return read(value)
    except WireError as wrong:
        raise WireError(pointer + wrong.pointer, wrong.detail) from None


def text(value: Json) -> str:
    if not isinstance(value, str):
        raise WireError("", "must be a string")
    return value
