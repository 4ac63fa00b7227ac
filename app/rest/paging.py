"""Which window of a list is asked for, and where does the next one begin? Opaque cursors by the list's own key.

A cursor is good for the list, the filters and the organization it was given for, and for nothing else. It is no
secret: whoever made one up would only choose where in his own list to begin.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import orjson
from flask import request

from app.domain import limits
from app.ports.records import Page
from app.rest.context import who
from app.rest.problems import BadParameters

T = TypeVar("T")

_CHECK_BYTES = 6
PARAMETERS = ("limit", "cursor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """One window. `next_cursor` is None on the last."""

    items: Sequence[T]
    next_cursor: str | None


def window(
    asked: Mapping[str, Any], read: Callable[[Page], Sequence[T]], key: Callable[[T], tuple[int, ...]]
) -> Listing[T]:
    """`asked` has `limit` and `cursor`; `key` is what `Page.after` of this list is made of."""
    limit = asked.get("limit", limits.DEFAULT_PAGE)
    after = begin(asked)
    found = read(Page(limit=limit + 1, after=after))
    if len(found) <= limit:
        return Listing(items=found, next_cursor=None)
    return Listing(items=found[:limit], next_cursor=cursor(key(found[limit - 1])))


def begin(asked: Mapping[str, Any]) -> tuple[int, ...] | None:
    """What to go on behind. Raises BadParameters for a cursor that this list did not give."""
    return _parse(asked["cursor"]) if "cursor" in asked else None


def cut(asked: Mapping[str, Any], everything: Sequence[T]) -> Listing[T]:
    """A window of a list that is short enough to be read as a whole."""

    def read(page: Page) -> Sequence[tuple[int, T]]:
        start = page.after[0] + 1 if page.after else 0
        return list(enumerate(everything))[start : start + page.limit]

    listing = window(asked, read, key=lambda numbered: (numbered[0],))
    return Listing(items=[value for _, value in listing.items], next_cursor=listing.next_cursor)


def links(next_cursor: str | None) -> dict[str, str]:
    """The next window's address as a header, in the form of RFC 8288."""
    if next_cursor is None:
        return {}
    others = [(name, value) for name, value in request.args.items(multi=True) if name != "cursor"]
    return {"Link": f'<{request.path}?{urlencode([*others, ("cursor", next_cursor)])}>; rel="next"'}


def cursor(key: tuple[int, ...]) -> str:
    """For `begin`, when this list is asked for again."""
    text = orjson.dumps(key)
    return base64.urlsafe_b64encode(_check(text) + text).decode().rstrip("=")


def _parse(cursor: str) -> tuple[int, ...]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    check, text = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
    if not text or check != _check(text):
        raise BadParameters({"cursor": "is not one that this list gave; begin again without it"})
    return tuple(orjson.loads(text))


def _check(text: bytes) -> bytes:
    filters = sorted((name, value) for name, value in request.args.items(multi=True) if name not in PARAMETERS)
    place = orjson.dumps([who().org_id, request.path, filters])
    return hashlib.blake2b(text + b"\0" + place, digest_size=_CHECK_BYTES).digest()
