"""What travels between node and API: JSON objects with a form each, and a word for what does not have it.

Messages are structs that msgspec reads and writes, far quicker than by hand: a parsed report takes 0.5 us, not 15.
`take` and its neighbours read by hand what is looked at before a message may be read, or what is none.
"""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Self, TypeVar

import msgspec
from msgspec import Meta, Struct

T = TypeVar("T")
Json = Any  # a JSON value as parsed; Any because its shape is only known where it is read

_LARGEST: Final = (1 << 63) - 1  # what a database's integer holds
Int = Annotated[int, Meta(ge=-_LARGEST, le=_LARGEST)]
_write = msgspec.json.Encoder().encode
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_MISSING: Final = re.compile(r"Object missing required field `(\w+)`")


class Message(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """Fields are named in the wire's own way. What is not known is passed over, so that a newer side may say more."""

    def to_wire(self) -> Json:
        return msgspec.to_builtins(self)

    def encoded(self) -> bytes:
        return _write(self)

    @classmethod
    def from_wire(cls, source: Json) -> Self:
        """Raises WireError."""
        try:
            return msgspec.convert(source, cls)
        except msgspec.ValidationError as wrong:
            raise _refusal(str(wrong)) from None
        except OverflowError:
            raise WireError("", "a number is too large") from None


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


def _refusal(said: str) -> WireError:
    """msgspec says "Expected `int`, got `str` - at `$.reports[0].fence`". A key that is not a field's is "[...]" there:
    the pointer ends before it.
    """
    detail, _, path = said.partition(" - at `$")
    steps = [name or index for name, index in _STEP.findall(path.partition("[...]")[0])]
    if missing := _MISSING.fullmatch(detail):
        steps, detail = [*steps, missing[1]], "is missing"
    return WireError("".join(f"/{step}" for step in steps), detail[:1].lower() + detail[1:])
