"""A whole list in one answer, read from the store and sent page by page: never held as a whole.

With `limit` or `cursor`, which are ours, one page of it, and where the next one is in `Link`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import orjson
from flask import Response, stream_with_context

from app.ports.finding import Key, Seek
from app.rest import paging
from app.rest.dialects.metafold import dates
from app.rest.dialects.metafold.query import Noun
from app.rest.native.schemas.shown import Document
from app.services.finding import Asked

T = TypeVar("T")

_FIRST: Final = 250
_LARGEST: Final = 4000
"""Pages grow: where a list is sorted for each of them, there must not be many."""


def answer(
    given: Mapping[str, Any],
    noun: Noun,
    read: Callable[[Asked, Seek], Sequence[T]],
    show: Callable[[T], Document],
) -> Response:
    """The first page is read before anything is sent, so that what is wrong with the question is an error."""
    asked = noun.asked(given)
    if given.keys() & set(paging.PARAMETERS):
        return _page(given, noun, asked, read, show)
    first = read(asked, Seek(limit=_FIRST))
    if len(first) < _FIRST:
        return _response(orjson.dumps([show(item) for item in first]))
    return _response(stream_with_context(_stream(first, noun, asked, read, show)))


def _page(
    given: Mapping[str, Any],
    noun: Noun,
    asked: Asked,
    read: Callable[[Asked, Seek], Sequence[T]],
    show: Callable[[T], Document],
) -> Response:
    def window(page: Any) -> Sequence[T]:  # a page whose key is one of `Seek`
        return read(asked, Seek(limit=page.limit, after=cast("tuple[Key, int] | None", page.after)))

    listing = paging.window(given, window, key=lambda item: cast("tuple[int, int]", noun.key(asked, item)))
    made = _response(orjson.dumps([show(item) for item in listing.items]))
    made.headers.update(paging.links(listing.next_cursor))
    return made


def _stream(
    page: Sequence[T],
    noun: Noun,
    asked: Asked,
    read: Callable[[Asked, Seek], Sequence[T]],
    show: Callable[[T], Document],
) -> Iterator[bytes]:
    limit, comma = _FIRST, b"["
    while page:
        yield comma + orjson.dumps([show(item) for item in page])[1:-1]
        comma = b","
        if len(page) < limit:
            break
        limit = min(2 * limit, _LARGEST)
        page = read(asked, Seek(limit=limit, after=noun.key(asked, page[-1])))
    yield b"]"


def _response(content: Any) -> Response:  # bytes, or an iterator of them
    return Response(content, mimetype="application/json", headers=dates.VARY)
