"""Where do groups of lines begin and end in a log? By the lines that other systems' steps write, so that tools which
print them need no change:

    ::group::NAME  and  ::endgroup::                      GitHub; also ##[group]NAME and ##[endgroup]
    section_start:SECONDS:key ... NAME  and  section_end:SECONDS:key    GitLab
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.errors import Invalid, Problem
from app.ports.logs import FAR, LinesWanted
from app.ports.store import Reader
from app.services import query
from app.services.access import Principal
from app.services.core import Core
from app.services.logs import LOOK_AT

MOST: Final = 2000
"""Marks that are told at once."""
_HINTS: Final = ("group", "section_")
_LOOKS: Final = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_GITHUB: Final = re.compile(r"(?:::group::|##\[group\])(?P<name>.*)|(?P<end>::endgroup::|##\[endgroup\])\s*\Z", re.S)
_GITLAB: Final = re.compile(r"section_(?P<what>start|end):\d+:(?P<key>[\w.-]+)(?:\[[^\]]*\])?\r?(?P<name>.*)", re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A group called `name` begins here, or, without a name, the last open one ends: the one with this `key`, where it
    has one.
    """

    place: int
    name: str | None
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """In order; `next_line` is where to go on looking, None at the end."""

    marks: Sequence[Mark]
    next_line: int | None


def mark_of(place: int, text: str) -> Mark | None:
    """None for a line that marks nothing."""
    if not any(hint in text for hint in _HINTS):
        return None
    plain = _LOOKS.sub("", text)
    if found := _GITHUB.match(plain):
        return Mark(place=place, name=None if found["end"] else found["name"].strip() or "group")
    if found := _GITLAB.match(plain):
        name = found["name"].strip().rpartition("\r")[2] or found["key"]
        return Mark(place=place, name=name if found["what"] == "start" else None, key=found["key"])
    return None


def marks(core: Core, who: Principal, run_id: str, first: int) -> Marks:
    """Of the lines from the place `first` on, as many as one search looks at. Raises NotFound."""
    who.require("messages:read")
    if not 1 <= first < FAR:
        raise Invalid([Problem("first", "must be the number of a line")])

    def work(tx: Reader) -> Marks:
        run = query.find_run(tx, who, run_id)
        found: list[Mark] = []
        ends = []
        for hint in _HINTS:
            wanted = LinesWanted(run_id=run.id, first=first, text=hint, match_case=True, limit=MOST, look_at=LOOK_AT)
            lines = tx.find_lines(wanted)
            found += [mark for each in lines.lines if (mark := mark_of(each.place, each.line.text))]
            if lines.looked is not None:
                ends.append(_place_after(tx, run.id, lines.looked))
        last = min((end for end in ends if end is not None), default=None)
        kept = sorted((mark for mark in found if last is None or mark.place < last), key=lambda mark: mark.place)
        return Marks(marks=kept, next_line=last)

    return core.store.read(work)


def _place_after(tx: Reader, run_id: str, seq: int) -> int | None:
    following = tx.find_lines(LinesWanted(run_id=run_id, after=seq, limit=1)).lines
    return following[0].place if following else None
