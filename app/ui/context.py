"""What a view of the dashboard may ask for: the services' core, who calls, and since when the page holds."""

from dataclasses import dataclass
from typing import cast

from flask import current_app, g
from jinja2 import Environment

from app.services.access import Principal
from app.services.core import Core
from app.ui.assets import Files
from app.ui.ways import Ways

UI = "flotilla.ui"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ui:
    ways: Ways
    files: Files
    templates: Environment


@dataclass(frozen=True, slots=True)
class Moment:
    """The database's time, and the number of the last event by then: what the page shows is no older."""

    now_us: int
    seq: int


def ui() -> Ui:
    return cast(Ui, current_app.extensions[UI])  # Flask's extensions are untyped; `dashboard.install` puts it there


def core() -> Core:
    return ui().ways.core


def who() -> Principal:
    return cast(Principal, g.who)  # Flask's g is untyped; `guard.admit` puts it there


def session() -> str:
    """The text of the caller's session; empty for who needs none."""
    return cast(str, g.get("session", ""))  # as above


def moment() -> Moment:
    return cast(Moment, g.moment)  # as above
