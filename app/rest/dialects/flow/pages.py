"""Which window of a list is asked for, and where does the next one begin? Page tokens are signed.

A token is good for the address and the filters it was given for, for its organization, and for a day; its place in the
list and the list's length as first counted are in it, so that a list is counted once however many pages it has.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from flask import request

from app.domain import limits
from app.domain.errors import Unauthorized
from app.ports.records import Page
from app.rest.context import core, who
from app.rest.dialects.flow.hosts import absolute
from app.rest.problems import BadParameters
from app.services.core import MICROSECONDS

T = TypeVar("T")
R = TypeVar("R")

LIMIT: Final = 100
FIRST: Final = Page(limit=LIMIT)
TOKEN: Final = "paginationToken"  # noqa: S105  # a parameter's name
_PURPOSE: Final = "flow-page"
_LIFETIME_US: Final = 24 * 3600 * MICROSECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Window(Generic[T]):
    """One page. `next_url` is None on the last one."""

    items: Sequence[T]
    total: int
    next_url: str | None


def window(
    asked: Mapping[str, Any],
    read: Callable[[Page], Sequence[T]],
    key: Callable[[T], tuple[int, ...]],
    count: Callable[[], int],
) -> Window[T]:
    """`key` is what `Page.after` of this list is made of."""
    after, total = _parse(asked["token"]) if "token" in asked else (None, count())
    found = read(Page(limit=LIMIT + 1, after=after))
    if len(found) <= LIMIT:
        return Window(items=found, total=total, next_url=None)
    return Window(items=found[:LIMIT], total=total, next_url=_next_url(key(found[LIMIT - 1]), total))


def mapped(window: Window[T], change: Callable[[T], R]) -> Window[R]:
    return Window(items=[change(item) for item in window.items], total=window.total, next_url=window.next_url)


def every(read: Callable[[Page], Sequence[T]], key: Callable[[T], tuple[int, ...]]) -> Iterator[T]:
    """The whole list, for counting what the store does not count."""
    after: tuple[int, ...] | None = None
    while found := read(Page(limit=limits.MAX_PAGE, after=after)):
        yield from found
        after = key(found[-1])


def _next_url(key: tuple[int, ...], total: int) -> str:
    now_us = core().store.read(lambda tx: tx.now_us)
    token = core().signer.sign(_PURPOSE, [*_list_asked(), list(key), total], now_us + _LIFETIME_US)
    query = urlencode([*_filters(), (TOKEN, token)])
    path = f"{quote(request.path, safe='/:@')}?{query}"
    # The one client that pages puts a host of its own before it; everybody else uses it as it is.
    return path if request.user_agent.string.startswith("axios/") else absolute(path)


def _parse(token: str) -> tuple[tuple[int, ...], int]:
    now_us = core().store.read(lambda tx: tx.now_us)
    try:
        *place, key, total = core().signer.check(_PURPOSE, token, now_us)
    except Unauthorized:
        place = []
    if place != _list_asked():
        raise BadParameters({TOKEN: "is not one that this list gave lately; begin again without it"})
    return tuple(key), total


def _list_asked() -> list[Any]:
    return [who().org_id, request.path, [list(each) for each in _filters()]]


def _filters() -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in request.args.items(multi=True) if name != TOKEN)
