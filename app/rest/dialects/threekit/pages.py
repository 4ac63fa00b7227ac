"""Which page is asked for, and which rows? Page numbers from 1, a status in three words, and ids in odd wrappings.

The document's samples send filters as `jobId=jobId='<uuid>'`: the wrapping is taken off. What is no id, or no status,
matches nothing. Pages end where counting does (`app.services.numbered.MOST`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from marshmallow import ValidationError, fields

from app.domain import limits
from app.ports.numbered import Phase, Spot
from app.rest.dialects.threekit.caller import check_org
from app.rest.dialects.threekit.fields import Query
from app.rest.native.fields import Number
from app.rest.problems import BadParameters
from app.services.numbered import MOST, Numbered

T = TypeVar("T")
U = TypeVar("U")

PER_PAGE: Final = 30
MOST_PER_PAGE: Final = 100
UNPAGED: Final = limits.MAX_PAGE
PHASES: Final[Mapping[str, Phase]] = {"pending": Phase.PENDING, "running": Phase.RUNNING, "stopped": Phase.ENDED}

_WRAPPED: Final = re.compile(r"\w{1,30}=(.*)", re.DOTALL)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SORT: Final = re.compile(r"([+ -]?)createdAt")


class Sort(fields.String):
    """True: newest first. A plus that was not encoded arrives as a space."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        found = _SORT.fullmatch(value)
        if found is None:
            raise ValidationError("must be +createdAt or -createdAt: nothing else has an order here")
        return found[1] == "-"


class PageQuery(Query):
    page = Number(1, 10**9, metadata={"description": "From 1, which is the default."})
    perPage = Number(1, 10**9, metadata={"description": "30 by default, at most 100: more is cut to that."})
    sort = Sort(metadata={"description": "+createdAt (the default) or -createdAt."})
    orgId = fields.String(metadata={"description": "The token's own; another one is 403."})


class UnpagedQuery(PageQuery):
    page = Number(1, 10**9, metadata={"description": "Without it and perPage: the first 1,000."})
    perPage = Number(1, 10**9, metadata={"description": "At most 100: more is cut to that."})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`nothing`: a filter that no row can match."""

    page: int
    spot: Spot
    nothing: bool

    @property
    def sort(self) -> str:
        return "-createdAt" if self.spot.newest_first else "+createdAt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window(Generic[T]):
    asked: Asked
    found: Numbered[T]


def asked(given: Mapping[str, Any], *, unpaged: bool = False, newest_first: bool = False) -> Asked:
    """`unpaged`: a list that the document shows without pages. Raises Forbidden for another organization."""
    page = given.get("page", 1)
    if unpaged and "page" not in given and "perPage" not in given:
        per_page = UNPAGED
    else:
        per_page = min(given.get("perPage", PER_PAGE), MOST_PER_PAGE)
    offset = (page - 1) * per_page
    if offset >= MOST:
        raise BadParameters({"page": f"begins behind the first {MOST} entries; sort the other way, or ask for less"})
    org_id, nothing = filter_id(given, "orgId")
    check_org(org_id)
    spot = Spot(offset=offset, limit=per_page, newest_first=given.get("sort", newest_first))
    return Asked(page=page, spot=spot, nothing=nothing)


def window(wanted: Asked, read: Callable[[Spot], Numbered[T]], *, nothing: bool = False) -> Window[T]:
    """`nothing` as in `Asked`, of the list's own filters."""
    empty: Sequence[T] = ()
    found = Numbered(items=empty, count=0) if nothing or wanted.nothing else read(wanted.spot)
    return Window(asked=wanted, found=found)


def filter_id(given: Mapping[str, Any], name: str) -> tuple[str | None, bool]:
    """The id, and whether it is one that nothing can have."""
    text = given.get(name)
    if not text:
        return None, False
    if wrapped := _WRAPPED.fullmatch(text):
        text = wrapped[1]
    text = text.strip("'\"")
    return (text.lower(), False) if _UUID.fullmatch(text) else (None, True)


def filter_phase(given: Mapping[str, Any], name: str) -> tuple[Phase | None, bool]:
    """The status, and whether it is one that nothing can have."""
    word = given.get(name)
    return (None, False) if not word else (PHASES.get(word), word not in PHASES)
