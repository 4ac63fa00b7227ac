"""What must not be seen is taken out of text: values that are known to be secret, and what looks like one.

Both sides use it: a node before anything of a run leaves it, the API for its own logs. A known value is found as it is
and in the forms in which programs print it: line by line, within JSON, in a URL, in base64 or hex. Patterns are for
text that people read. Data that other programs take in (results) is searched for known values alone: a pattern that
is mistaken would change it.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_plus

from app.wire.codec import Json

HIDDEN: Final = "***"
SHORTEST: Final = 4
"""Characters of a value that is hidden: shorter ones are everywhere."""
_SHORTEST_CODED: Final = 6
_WORD: Final = r"(?:token|password|passwd|pwd|secret|api[_-]?key|(?<![a-z])key)"
_WORDS: Final = ("token", "passw", "pwd", "secret", "key")
_NOTHING: Final = r"(?!\*\*\*|None\b|True\b|False\b|null\b|lambda\b)"
_SCHEME: Final = r"(?:(?:bearer|basic|token|digest)\s{1,3})?"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Looked for where one of `words` (in lower case) and `mark` stand: most lines have neither, and that is quick."""

    words: tuple[str, ...]
    mark: str
    found: re.Pattern[str]
    shown: str


def _pattern(words: tuple[str, ...], mark: str, before: str, value: str) -> _Pattern:
    """The value is hidden, what is before it stays."""
    return _Pattern(words, mark, re.compile(f"({before}){_NOTHING}{value}", re.IGNORECASE), rf"\1{HIDDEN}")


_PATTERNS: Final = (
    _pattern(("fl_", "flr_", "fla_"), "_", r"\bfl[ar]?_", r"[\w.-]{16,}"),
    _pattern(
        ("authorization",),
        "",
        rf"authorization[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']?{_SCHEME}",
        r"(?!(?:bearer|basic|token|digest)\s)[^\s\"',;]+",
    ),
    _pattern(("bearer",), " ", r"\bbearer\s{1,3}", r"[\w.~+/=-]{6,}"),
    _pattern(_WORDS, "=", rf"{_WORD}[\"']?\s{{0,3}}=\s{{0,3}}[\"']?", r"[^\s\"'&;,)]+"),
    _pattern(_WORDS, ":", rf"[\"'][\w-]{{0,40}}{_WORD}[\"']\s{{0,3}}:\s{{0,3}}[\"']", r"[^\"']+"),
    _pattern(("passw", "pwd"), ":", r"(?:password|passwd|pwd)\s{0,3}:\s{0,3}[\"']?", r"[^\s\"',;]+"),
    _pattern(_WORDS, "--", r"--[\w-]{0,40}(?:token|password|passwd|secret|key)\s{1,3}", r"[^\s\"'-][^\s\"']*"),
    _pattern(("://",), "@", r"://[^\s/:@]{0,64}:", r"[^\s/@]{1,200}(?=@)"),
)


def patterns(text: str) -> str:
    """Without what looks like a password, a key or a token."""
    lower = text.lower()
    for pattern in _PATTERNS:
        if pattern.mark in text and any(word in lower for word in pattern.words):
            text = pattern.found.sub(pattern.shown, text)
    return text


class Mask:
    """For the news of one run. One without values is cheap."""

    __slots__ = ("_needles",)

    def __init__(self, values: Iterable[str] = ()) -> None:
        found = {form for value in values for form in _forms(value)}
        self._needles = tuple(sorted(found, key=lambda form: (-len(form), form)))

    def text(self, text: str, *, cut: bool = False) -> str:
        """What people read. `cut`: its end is missing, and may have begun a value."""
        return patterns(self.known(text, cut=cut))

    def known(self, text: str, *, cut: bool = False) -> str:
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, HIDDEN)
        return self._without_beginning(text) if cut else text

    def data(self, value: Json) -> Json:
        """JSON with the known values taken out of its strings and keys."""
        if not self._needles:
            return value
        if isinstance(value, str):
            return self.known(value)
        if isinstance(value, list):
            return [self.data(item) for item in value]
        if isinstance(value, dict):
            return {self.known(key): self.data(item) for key, item in value.items()}
        return HIDDEN if type(value) in (int, float) and str(value) in self._needles else value

    def stands_in(self, data: bytes) -> bool:
        """Whether a known value may stand in JSON as it is written."""
        return any(needle.encode() in data for needle in self._needles)

    def raw(self, data: bytes) -> bytes:
        for needle in self._needles:
            data = data.replace(needle.encode(), HIDDEN.encode())
        return data

    def _without_beginning(self, text: str) -> str:
        for needle in self._needles:
            for length in range(min(len(needle), len(text)), SHORTEST - 1, -1):
                if text.endswith(needle[:length]):
                    return text[:-length] + HIDDEN
        return text


def _forms(value: str) -> Iterator[str]:
    """A value, each of its lines, and how they are written elsewhere."""
    for part in {value, value.strip(), *value.splitlines()}:
        if len(part) < SHORTEST:
            continue
        data = part.encode("utf-8", "replace")
        yield part
        yield from (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], repr(part)[1:-1])
        yield from (quote(data, safe=""), quote(data), quote_plus(data))
        if len(data) >= _SHORTEST_CODED:
            yield from (data.hex(), data.hex().upper())
            yield from _in_base64(data)


def _in_base64(data: bytes) -> Iterator[str]:
    """What of it stands in base64 whatever is around it: at each of three offsets, without what neighbours change."""
    for offset in range(3):
        whole = (len(data) + offset) // 3 * 4
        first = (0, 2, 3)[offset]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * offset + data).decode()[first:whole]
