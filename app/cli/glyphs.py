"""Which signs stand for states and shares on this terminal? Every state has its own, so that none is told by colour
alone; where the output cannot hold them they are plain letters.
"""

import sys

SIGNS = {
    "succeeded": "✓",
    "failed": "✗",
    "timed_out": "✗",
    "out_of_memory": "✗",
    "lost": "✗",
    "running": "▶",
    "queued": "◷",
    "ready": "○",
    "pending": "○",
    "waiting": "·",
    "paused": "‖",
    "canceled": "⊘",
    "skipped": "↷",
}
PLAIN = {
    **dict.fromkeys(("failed", "timed_out", "out_of_memory", "lost"), "x"),
    "succeeded": "+",
    "running": ">",
    "queued": "q",
    "ready": "o",
    "pending": "o",
    "waiting": ".",
    "paused": "=",
    "canceled": "-",
    "skipped": "~",
}


def sign(state: str) -> str:
    return (SIGNS if _holds("✓▶◷⊘") else PLAIN).get(state, "?")


def bar(share: float, width: int) -> str:
    full, empty = ("━", "─") if _holds("━─") else ("#", "-")
    filled = round(width * min(max(share, 0.0), 1.0))
    return full * filled + empty * (width - filled)


def arrow() -> str:
    return "←" if _holds("←") else "<-"


def plain(text: str) -> str:
    """The same with letters that every terminal has."""
    signs = {ord(glyph): PLAIN[state] for state, glyph in SIGNS.items()}
    return text.translate({**signs, ord("━"): "#", ord("─"): "-", ord("←"): "<-"})


def _holds(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
