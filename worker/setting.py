"""What is one setting of a node, and how is it read? A row of a table; what is secret may be in a file."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """All that is wrong with the environment, one line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`default` None: must be set. `about` says what it is and, for amounts, the unit. A secret may be given as
    `VARIABLE_FILE`, the path of a file that holds it.
    """

    field: str
    variable: str
    default: str | None
    read: Callable[[str], Any]
    about: str
    secret: bool = False


def text(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return value


def flag(value: str) -> bool:
    if value not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return value == "1"


def values(table: Iterable[Setting], environ: Mapping[str, str], wrong: list[str]) -> dict[str, Any]:
    """By field, of those that can be used; what is wrong with the others is added to `wrong`."""
    found: dict[str, Any] = {}
    for setting in table:
        try:
            given = _given(setting, environ)
            if given is None:
                wrong.append(f"{setting.variable} must be set: {setting.about}")
                continue
            found[setting.field] = setting.read(given)
        except ValueError as problem:
            shown = "" if setting.secret else f"={environ.get(setting.variable, setting.default)!r}"
            wrong.append(f"{setting.variable}{shown}: {problem} ({setting.about})")
        except OSError as problem:
            wrong.append(f"{setting.variable}_FILE cannot be read: {problem}")
    return found


def _given(setting: Setting, environ: Mapping[str, str]) -> str | None:
    path = environ.get(f"{setting.variable}_FILE", "") if setting.secret else ""
    if not path:
        return environ.get(setting.variable, setting.default)
    if environ.get(setting.variable):
        raise ValueError(f"is set, and so is {setting.variable}_FILE; set one of them")
    return Path(path).read_text(encoding="utf-8").strip()
