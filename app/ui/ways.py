"""What the application that holds the dashboard lends to it: who calls, how an error is told, and where it is noted.

The dashboard and the APIs are siblings and know nothing of each other; `app/main.py` puts them together.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flask import Request, Response

from app.services.access import Principal
from app.services.core import Core


class Told(Protocol):
    """An error in words for the caller."""

    @property
    def status(self) -> int: ...
    @property
    def title(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def errors(self) -> tuple[Mapping[str, str], ...]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is set, as it may be shown, and where that comes from."""

    key: str
    value: str
    source: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """`admit`: who sends this request, by its header or as somebody without a token; raises Unauthorized.
    `note_refusal`: a login with this text was refused, and for what reason where that differs. `note_login`: the caller
    has come in by this answer. `sent_back`: where an identity provider sends browsers; empty: to where they came from.
    `texts`: the OpenAPI text of each surface, by its name.
    `checks`: each part of the installation, and `ok` where it is well now.
    """

    core: Core
    admit: Callable[[Request], Principal]
    note_refusal: Callable[[Request, str, str], None]
    note_login: Callable[[Principal, Response], None]
    explain: Callable[[Exception], Told]
    request_id: Callable[[Request], str]
    texts: Callable[[], Mapping[str, Mapping[str, Any]]] = dict
    checks: Callable[[], Mapping[str, str]] = dict
    settings: Sequence[Setting] = ()
    sent_back: str = ""
