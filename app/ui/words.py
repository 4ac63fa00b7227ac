"""How a value is said to people: times, durations, sizes, states. The same words in every page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import orjson

from app.wire.resources import Resources

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")
_SECOND: Final = 1_000_000

TONES: Final[Mapping[str, str]] = {
    # jobs, tasks and runs
    "pending": "waiting",
    "waiting": "waiting",
    "ready": "ready",
    "queued": "queued",
    "running": "running",
    "paused": "paused",
    "succeeded": "succeeded",
    "failed": "failed",
    "timed_out": "failed",
    "out_of_memory": "failed",
    "lost": "lost",
    "canceled": "canceled",
    "skipped": "skipped",
    # nodes
    "online": "succeeded",
    "late": "paused",
    "draining": "queued",
    "offline": "skipped",
}
"""The look of a state: colour, icon and pattern go by the same name in the style sheet and in the icons."""

MARKS: Final[Mapping[str, str]] = {
    "running": "▶",
    "succeeded": "✓",
    "failed": "✗",
    "lost": "✗",
    "canceled": "⊘",
    "paused": "❚❚",
}
"""In titles, where there is only text."""


def iso(at_us: int) -> str:
    """RFC 3339, for machines and for the script that shows local time."""
    return datetime.fromtimestamp(at_us / _SECOND, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(at_us: int) -> str:
    """Absolute, for the tip of a time."""
    return datetime.fromtimestamp(at_us / _SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ago(at_us: int, now_us: int) -> str:
    """What is to come is `in 3 d`; a moment ahead is how far two clocks are from each other."""
    seconds = (now_us - at_us) // _SECOND
    if -5 <= seconds < 5:
        return "just now"
    count, unit = _in_units(abs(seconds))
    return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"


def _in_units(seconds: int) -> tuple[int, str]:
    return next(
        ((seconds // size, unit) for size, unit in ((86400, "d"), (3600, "h"), (60, "min")) if seconds >= size),
        (seconds, "s"),
    )


def duration(microseconds: float) -> str:
    """As `1h 02m`, `3m 07s`, `4.2 s`, `12 ms`."""
    seconds = microseconds / _SECOND
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours}h {minutes:02}m"
    return f"{hours // 24}d {hours % 24:02}h"


def size(count: float) -> str:
    """Bytes in binary units."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:.1f}".removesuffix(".0") + f" {_UNITS[unit]}"


def amount(value: Resources) -> str:
    return f"{value.cpu_milli / 1000:g} cpu, {size(value.memory_mib << 20)}"


def cores(cpu_milli: int) -> str:
    return f"{cpu_milli / 1000:g}"


def number(value: int) -> str:
    """With thin spaces between thousands."""
    return f"{value:,}".replace(",", "\u202f")


def rate(value: float) -> str:
    """A minute; one decimal where it is small."""
    return number(round(value)) if value >= 10 or not value else f"{value:.1f}"


def plural(count: int, one: str, many: str = "") -> str:
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """Never 100 % before the end."""
    return f"{int(share * 100)} %"


def state_word(state: Any) -> str:
    return str(state).replace("_", " ")


def tone(state: Any) -> str:
    return TONES.get(str(state), "waiting")


def mark(state: Any) -> str:
    return MARKS.get(tone(state), "○")


def path_part(text: str) -> str:
    """For a name in an address."""
    return quote(text, safe="")


def as_json(value: Any, longest: int = 20_000, indent: bool = False) -> str:
    """As text, which the template escapes; what is longer is cut and says so."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None).decode()
    return text if len(text) <= longest else f"{text[:longest]}…"


FILTERS: Final = {
    each.__name__: each
    for each in (
        iso,
        moment,
        duration,
        size,
        amount,
        number,
        rate,
        percent,
        state_word,
        tone,
        mark,
        path_part,
        as_json,
        cores,
    )
}
