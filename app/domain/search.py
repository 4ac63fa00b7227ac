"""What does a `q` ask for, and which order does a `sort` want? The grammar of both; it knows no noun and no SQL.

    q       term { " AND " term }             all of them must hold
    term    ["!"] field ":" pattern           `!` turns it round
    pattern text or "text"                    `*` is any run of characters, case does not matter
    sort    field ":" "1" | "-1"              ascending or descending

Every step is linear in the text, and a pattern has few asterisks, so that no question is a slow one.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from app.domain import limits
from app.domain.errors import Malformed
from app.domain.graph import shorten

MOST_ASTERISKS: Final = 8
MOST_TERMS: Final = 16

_FIELD = re.compile(r"(!?)([A-Za-z_]+):")
_QUOTED = re.compile(r'"([^"]*)"')
_AND = re.compile(r"\s+AND(?:\s+|$)")
_SORT = re.compile(r"([A-Za-z_]+):(-?1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """`pieces` are what stands between the asterisks; a single piece is the whole text."""

    field: str
    pieces: tuple[str, ...]
    negated: bool = False

    @property
    def exact(self) -> bool:
        return len(self.pieces) == 1

    def holds(self, text: str) -> bool:
        return _fits(text.casefold(), [piece.casefold() for piece in self.pieces]) is not self.negated


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    field: str
    descending: bool = True


NEWEST_FIRST: Final = Sort(field="id")


def parse(text: str, fields: Collection[str]) -> tuple[Term, ...]:
    """Raises Malformed, which says where and what is allowed."""
    if len(text) > limits.MAX_QUERY:
        raise Malformed(f"q may have at most {limits.MAX_QUERY} characters, not {len(text)}")
    if any(not char.isprintable() for char in text):
        raise Malformed("q must have no control characters")
    text = text.strip()
    term, at = _term(text, 0, fields)
    terms = [term]
    while at < len(text):
        if len(terms) == MOST_TERMS:
            raise Malformed(f"q may have at most {MOST_TERMS} terms")
        term, at = _term(text, _after_and(text, at), fields)
        terms.append(term)
    return tuple(terms)


def parse_sort(text: str, fields: Collection[str]) -> Sort:
    """Raises Malformed."""
    found = _SORT.fullmatch(text)
    if found is None or found[1] not in fields:
        raise Malformed(f"sort must be field:1 or field:-1 with one of the fields {', '.join(fields)}")
    return Sort(field=found[1], descending=found[2] == "-1")


def _term(text: str, at: int, fields: Collection[str]) -> tuple[Term, int]:
    """The term that begins here, and where it ends."""
    head = _FIELD.match(text, at)
    if head is None:
        raise Malformed(f'q: at {shorten(text[at:])} there must be a term such as name:*mesh* or !name:"My *"')
    if head[2] not in fields:
        raise Malformed(f"q: {shorten(head[2])} is no field of this list; allowed are {', '.join(fields)}")
    if text.startswith('"', head.end()):
        quoted = _QUOTED.match(text, head.end())
        if quoted is None:
            raise Malformed("q: a double quote is opened and not closed")
        pattern, end = quoted[1], quoted.end()
    else:
        follows = _AND.search(text, head.end())
        end = follows.start() if follows else len(text)
        pattern = text[head.end() : end].strip()
        if not pattern:
            raise Malformed(f"q: {head[2]} has no pattern; an empty text is written as two double quotes")
    return Term(field=head[2], pieces=_pieces(pattern), negated=bool(head[1])), end


def _after_and(text: str, at: int) -> int:
    follows = _AND.match(text, at)
    if follows is None:
        raise Malformed(f"q: before {shorten(text[at:].strip())} there must be AND; there is no OR and no grouping")
    return follows.end()


def _pieces(pattern: str) -> tuple[str, ...]:
    pieces = tuple(re.split(r"\*+", pattern))
    if len(pieces) > MOST_ASTERISKS + 1:
        raise Malformed(f"q: a pattern may have at most {MOST_ASTERISKS} asterisks")
    return pieces


def _fits(text: str, pieces: list[str]) -> bool:
    """Each piece is taken where it first occurs: if any way fits, that one does."""
    if len(pieces) == 1:
        return text == pieces[0]
    first, *middle, last = pieces
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
