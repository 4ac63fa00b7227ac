"""A line with terminal colours as pieces of plain text with a look. What else a terminal would obey is left out.

    "\\x1b[1;31mno\\x1b[0m way"  ->  [("no", "bold red"), (" way", "")]

Nothing in here is HTML: a page writes the text as text, and a look is one of the names below.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

COLOURS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_ESCAPE: Final = re.compile(
    r"\x1b\[([0-9;:]*)m"  # a look
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other control sequence
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"  # controls, and what turns the writing round
)
_SWITCHES: Final = {1: "bold", 2: "dim", 3: "italic", 4: "underlined", 9: "struck"}
_ENDS: Final = {22: ("bold", "dim"), 23: ("italic",), 24: ("underlined",), 29: ("struck",)}
_LEVELS: Final = (0, 95, 135, 175, 215, 255)


class Piece(NamedTuple):
    text: str
    look: str


def pieces(line: str) -> Sequence[Piece]:
    """At least one. A carriage return shows what came last, as progress bars mean it."""
    line = line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line
    if not _ESCAPE.search(line):
        return (Piece(line, ""),)
    found: list[Piece] = []
    look, at = _Look(), 0
    for match in _ESCAPE.finditer(line):
        _add(found, line[at : match.start()], look.name)
        if match.group(1) is not None:
            look.obey(match.group(1))
        at = match.end()
    _add(found, line[at:], look.name)
    return found or (Piece("", ""),)


def _add(found: list[Piece], text: str, look: str) -> None:
    if not text:
        return
    if found and found[-1].look == look:
        text = found.pop().text + text
    found.append(Piece(text, look))


class _Look:
    def __init__(self) -> None:
        self._on: set[str] = set()
        self._colour = ""

    @property
    def name(self) -> str:
        return " ".join([*sorted(self._on), self._colour]).strip()

    def obey(self, codes: str) -> None:
        numbers = [int(code) if code else 0 for code in codes.replace(":", ";").split(";")][:32]
        while numbers:
            number = numbers.pop(0)
            if number in (38, 48):
                self._extended(numbers, is_ground=number == 48)
            else:
                self._one(number)

    def _one(self, number: int) -> None:
        if number == 0:
            self._on.clear()
            self._colour = ""
        elif number in _SWITCHES:
            self._on.add(_SWITCHES[number])
        elif number in _ENDS:
            self._on.difference_update(_ENDS[number])
        elif number == 39:
            self._colour = ""
        elif 30 <= number <= 37 or 90 <= number <= 97:
            self._colour = COLOURS[number % 10]

    def _extended(self, numbers: list[int], *, is_ground: bool) -> None:
        """Of 256 or of all colours: the nearest of the eight that every theme can show. Grounds are left out."""
        kind = numbers.pop(0) if numbers else 0
        wanted, numbers[:] = (numbers[:1], numbers[1:]) if kind == 5 else (numbers[:3], numbers[3:])
        if is_ground:
            return
        if kind == 5 and len(wanted) == 1:
            self._colour = _of_256(wanted[0])
        elif kind == 2 and len(wanted) == 3:
            self._colour = _nearest(*wanted)


def _of_256(number: int) -> str:
    if number < 16:
        return COLOURS[number % 8]
    if number >= 232:
        return "" if number > 243 else "black"
    number -= 16
    return _nearest(_LEVELS[number // 36 % 6], _LEVELS[number // 6 % 6], _LEVELS[number % 6])


def _nearest(red: int, green: int, blue: int) -> str:
    highest = max(red, green, blue)
    if highest < 64:
        return "black"
    half = highest / 2
    return COLOURS[(red > half) | (green > half) << 1 | (blue > half) << 2]
