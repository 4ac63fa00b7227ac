"""How is an answer shown? As a table for people, as the API's own JSON (or YAML) for programs, or as ids alone.

Colours only on a terminal and without NO_COLOR; columns are two spaces apart, for `awk` too.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from app.cli.client import Json

DOCUMENTS = ("json", "yaml", "ndjson")
FORMATS = ("table", *DOCUMENTS, "id")
HELP = "table for people; json, yaml or ndjson as the API answers"
COLOURS = {
    **dict.fromkeys(("succeeded", "online"), "green"),
    **dict.fromkeys(("failed", "timed_out", "out_of_memory", "lost"), "red"),
    **dict.fromkeys(("running", "queued", "ready"), "cyan"),
    **dict.fromkeys(("canceled", "skipped", "paused", "draining", "late"), "yellow"),
}
GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    title: str
    value: Callable[[Json], object]
    right: bool = False


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return _option(command, FORMATS, f"{HELP}; id for ids alone.")


def document_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """For what has no id."""
    return _option(command, ("table", *DOCUMENTS), f"{HELP}.")


def _option(command: Callable[..., Any], formats: Sequence[str], text: str) -> Callable[..., Any]:
    return click.option("-o", "--output", type=click.Choice(formats), default="table", show_default=True, help=text)(
        command
    )


def show_list(items: Iterable[Json], columns: Sequence[Column], output: str, *, empty: str) -> None:
    """`empty` is said on stderr in place of a table without rows."""
    if output == "id":
        for item in items:
            click.echo(item["id"])
    elif output == "ndjson":
        for item in items:
            click.echo(as_line(item))
    elif output != "table":
        click.echo(document(list(items), output))
    elif rows := list(items):
        click.echo(_table(rows, columns))
    else:
        click.echo(empty, err=True)


def show_one(item: Json, fields: Sequence[Column], output: str) -> None:
    if output == "id":
        click.echo(item["id"])
    elif output != "table":
        click.echo(document(item, output))
    else:
        width = max(len(field.title) for field in fields)
        for field in fields:
            if text := cell(field.value(item)):
                click.echo(f"{paint(field.title.ljust(width), 'bright_black')}{GAP}{_coloured(text, text)}")


def document(value: Json, output: str) -> str:
    """In a format for programs."""
    if output == "ndjson":
        return as_line(value)
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return text.rstrip("\n")


def as_line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def has_colour() -> bool:
    return is_terminal() and not os.environ.get("NO_COLOR")


def paint(text: str, colour: str) -> str:
    return click.style(text, fg=colour) if has_colour() else text


def _table(rows: Sequence[Json], columns: Sequence[Column]) -> str:
    cells = [[cell(column.value(row)) for column in columns] for row in rows]
    widths = [max(len(column.title), *(len(line[i]) for line in cells)) for i, column in enumerate(columns)]
    lines = [GAP.join(_fit(column.title.upper(), widths[i], column.right) for i, column in enumerate(columns))]
    out = [paint(lines[0].rstrip(), "bright_black")]
    for line in cells:
        fitted = [_coloured(text, _fit(text, widths[i], columns[i].right)) for i, text in enumerate(line)]
        out.append(GAP.join(fitted).rstrip())
    return "\n".join(out)


def _fit(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


def _coloured(text: str, padded: str) -> str:
    colour = COLOURS.get(text)
    return paint(padded, colour) if colour else padded


def cell(value: object) -> str:
    """One line without control characters: names and errors are other people's text."""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else " " for letter in text)


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def age(text: str | None) -> str:
    """How long ago, or nothing for a time that has not come."""
    at = moment(text)
    return duration((datetime.now(UTC) - at).total_seconds()) if at else ""


def took(item: Json) -> str:
    started, finished = moment(item.get("startedAt")), moment(item.get("finishedAt"))
    return duration(((finished or datetime.now(UTC)) - started).total_seconds()) if started else ""


def duration(seconds: float) -> str:
    """As people write it: 0.42s, 12s, 3m 05s, 1h 02m, 4d 03h."""
    if seconds < 10:
        return f"{max(0.0, seconds):.2f}s"
    whole = round(seconds)
    for size, unit, part, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            return f"{whole // size}{unit} {whole % size // part:02d}{small}"
    return f"{whole}s"


def size(count: float) -> str:
    """Bytes in binary units."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def error_text(item: Json) -> str | None:
    error = item.get("error")
    return f"{error['code']}: {error['message']}" if error else None
