"""What may a stored file be called? A name that somebody gave becomes one that is safe to show and to save under."""

from typing import Final

from app.domain import limits

UNNAMED: Final = "unnamed"
_STEMS: Final = ("", ".", "..")


def safe(name: str) -> str:
    """The last part of a path, of either kind, without characters that cannot be printed."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    printable = "".join(char for char in last if char.isprintable()).strip()
    return UNNAMED if printable in _STEMS else printable[-limits.MAX_FILENAME :]


def problem(text: str, most: int) -> str | None:
    """What is wrong with a space, a key in it or an output's name; None when nothing is."""
    if not 1 <= len(text) <= most:
        return f"must have 1 to {most} characters, not {len(text)}"
    if any(ord(char) < 32 or ord(char) == 127 or 0xD800 <= ord(char) < 0xE000 for char in text):
        return "must have no control characters"
    return None
