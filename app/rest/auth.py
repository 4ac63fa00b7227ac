"""May this request come in? Each route declares the scope it asks for; one without does not register.

A token that was good is believed for a few seconds without asking the store, so that the hot routes of nodes cost no
read; a revoked one may therefore live on that long.
"""

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog
from flask import Flask, Request, g, request

from app.domain.errors import Forbidden, Malformed, Unauthorized
from app.rest.context import core
from app.rest.trail import Trail
from app.services import access, single_sign_on
from app.services.access import Principal
from app.services.core import Core

log = structlog.get_logger(__name__)

View = TypeVar("View", bound=Callable[..., Any])
Reader = Callable[[Request], str | None]
"""Finds the token in a request; None when there is none. May raise what is to be answered."""

OtherWay = Callable[[Request], Principal | None]
"""Finds out who calls where no token came; None when that is not known either. Raises Unauthorized."""

PUBLIC: Final = ""
"""The scope of a route that anybody may call."""

BELIEVED_S: Final = 5.0
_MOST_BELIEVED = 10_000
_LONGEST_KEY = 512
_LONGEST_HEADER = 16 << 10
"""Tokens of an identity provider say much of who one is."""


def scope(name: str) -> Callable[[View], View]:
    """Declares what a view asks of its caller: a scope of `access.SCOPES`, or PUBLIC."""

    def mark(view: View) -> View:
        view.scope = name  # type: ignore[attr-defined]  # read back by GuardedFlask
        return view

    return mark


def or_by(way: OtherWay) -> Callable[[View], View]:
    """Declares that the caller of a view may be known otherwise than by a token."""

    def mark(view: View) -> View:
        view.other_way = way  # type: ignore[attr-defined]  # read back by GuardedFlask
        return view

    return mark


class GuardedFlask(Flask):
    """Refuses to register a view without a declared scope. Blueprints named in `own_guard` see to themselves."""

    def __init__(self, *args: Any, own_guard: frozenset[str] = frozenset(), **kwargs: Any) -> None:
        self.own_guard = own_guard
        self.scopes: dict[str, str] = {}
        self.readers: list[tuple[str, Reader]] = []
        self.other_ways: dict[str, OtherWay] = {}
        super().__init__(*args, **kwargs)

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        declared = getattr(view_func, "scope", None)
        name = endpoint or (view_func.__name__ if view_func else "")
        if name.partition(".")[0] in self.own_guard:
            declared = PUBLIC
        if declared is None:
            raise LookupError(f"{rule} declares no scope; decorate its view with auth.scope(...)")
        self.scopes[name] = declared
        if way := getattr(view_func, "other_way", None):
            self.other_ways[name] = way
        super().add_url_rule(rule, endpoint, view_func, provide_automatic_options, **options)


class Gate:
    """Lets requests in. `anonymous_role` is who a request without a token is; empty: refused. `on_use` is told who
    came, once in a while.
    """

    def __init__(
        self,
        anonymous_role: str,
        clock: Callable[[], float] = time.monotonic,
        on_use: Callable[[Principal], None] = lambda _: None,
    ) -> None:
        self._anonymous = access.anonymous(anonymous_role) if anonymous_role else None
        self._clock = clock
        self._on_use = on_use
        self._believed: dict[str, tuple[float, Principal]] = {}

    def admit(self, core: Core, text: str | None) -> Principal:
        """Raises Unauthorized."""
        if text is None:
            if self._anonymous is None:
                raise Unauthorized("send Authorization: Bearer and a token")
            return self._anonymous
        now, key = self._clock(), text if len(text) < _LONGEST_KEY else access.digest(text)
        until, principal = self._believed.get(key, (0.0, None))
        if principal is None or now >= until:
            principal = authenticate(core, text)
            self._on_use(principal)
            if principal.run_id is not None:
                return principal  # it ends with its run, at once
            if len(self._believed) >= _MOST_BELIEVED:
                self._believed.clear()
            self._believed[key] = (now + BELIEVED_S, principal)
        return principal


def authenticate(core: Core, text: str) -> Principal:
    """By a token of ours, or of the identity provider's. Raises Unauthorized, and Forbidden for who is not let in."""
    if single_sign_on.looks_like_one(text):
        return single_sign_on.admit(core, text)
    return access.authenticate(core, text)


def bearer(request: Request) -> str | None:
    """The token of the header. Raises Unauthorized for another kind, Malformed for two headers."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    if "," in header:  # a server joins two headers of one name by a comma
        raise Malformed("there must be one Authorization header")
    kind, _, text = header.partition(" ")
    if kind.lower() != "bearer" or not text.strip() or len(header) > _LONGEST_HEADER:
        raise Unauthorized("the Authorization header must be: Bearer, a space, and a token")
    return text.strip()


def read_by(app: GuardedFlask, prefix: str, reader: Reader) -> None:
    """Below `prefix` it is `reader` that finds the token."""
    app.readers.append((prefix, reader))


def install(app: GuardedFlask, gate: Gate, trail: Trail) -> None:
    """Finds out who calls. `install_check`, after all that shall know it, turns away who may not come in."""

    def admit() -> None:
        if app.scopes.get(request.endpoint or "", PUBLIC) == PUBLIC or request.method == "OPTIONS":
            return
        text = None
        try:
            reader = next((one for prefix, one in app.readers if request.path.startswith(prefix)), bearer)
            text = reader(request)
            other = app.other_ways.get(request.endpoint or "") if text is None else None
            g.who = (other and other(request)) or gate.admit(core(), text)
        except (Unauthorized, Forbidden) as refusal:
            g.refusal = refusal
            if text is not None:
                note_refusal(trail, request, text)

    app.before_request(admit)


def install_check(app: GuardedFlask) -> None:
    def check() -> None:
        if "refusal" in g:
            raise g.refusal
        if "who" in g:
            g.who.require(app.scopes[request.endpoint or ""])

    app.before_request(check)


def note_refusal(trail: Trail, request: Request, text: str, why: str = "") -> None:
    """`why` is for the log, where it is not always the same."""
    told = {"reason": why} if why else {}
    log.warning("refused", method=request.method, path=request.path, address=request.remote_addr, **told)
    trail.note_refusal(request, text)
