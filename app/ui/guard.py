"""May this request come in? Every view says what it asks of its caller; one without is not served.

A page is for who has a session, for who sends a token in the header as to an API, and for everybody where the operator
gave those without a token a role. What changes something comes from a form of our own pages: same origin, and with the
mark of the session it was made for (`sessions.form_mark`).
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, Response, current_app, g, request

from app.domain.errors import Forbidden, Unauthorized
from app.services import overview, sessions
from app.services.access import Principal
from app.ui.context import Moment, core, session, ui

View = TypeVar("View", bound=Callable[..., Any])

PUBLIC: Final = ""
COOKIE: Final = "flotilla_session"
MARK_FIELD: Final = "csrf"
MARK_HEADER: Final = "X-Flotilla-Csrf"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def needs(scope: str) -> Callable[[View], View]:
    """Declares what a view asks of its caller: a scope of `access.SCOPES`, or PUBLIC."""

    def mark(view: View) -> View:
        view.needs = scope  # type: ignore[attr-defined]  # read back by `admit`
        return view

    return mark


def check_declared(app: Flask, blueprint: str) -> None:
    """Raises LookupError for a view that says nothing."""
    for endpoint, view in app.view_functions.items():
        if endpoint.startswith(f"{blueprint}.") and not hasattr(view, "needs"):
            raise LookupError(f"{endpoint} declares no scope; decorate its view with guard.needs(...)")


def admit() -> None:
    """Before every request of the dashboard."""
    wanted: str = getattr(current_app.view_functions[request.endpoint or ""], "needs", PUBLIC)
    changes = request.method not in _READING
    if changes:
        check_origin(request)
    if wanted == PUBLIC:
        return
    g.who = find_who(request)
    g.who.require(wanted)
    if changes:
        given = request.form.get(MARK_FIELD) or request.headers.get(MARK_HEADER, "")
        sessions.check_form(core(), session(), given)
    else:
        g.moment = Moment(*overview.position(core(), g.who))


def find_who(request: Request) -> Principal:
    """Raises Unauthorized."""
    text = request.cookies.get(cookie_name(request), "")
    if text and "Authorization" not in request.headers:
        try:
            found = sessions.check_session(core(), text)
        except Unauthorized:
            g.session_over = True
        else:
            g.session = text
            return found
    return ui().ways.admit(request)


def check_origin(request: Request) -> None:
    """Raises Forbidden for what another site makes a browser send. A program sends neither header."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    origin = request.headers.get("Origin")
    if site != "same-origin" or (origin is not None and urlsplit(origin).netloc != request.host):
        raise Forbidden("this was sent by a page of another site; use a page of this one")


def is_local(request: Request) -> bool:
    """Browsers trust their own machine without TLS, and nothing else."""
    return urlsplit(f"//{request.host}").hostname in LOOPBACK


def cookie_name(request: Request, name: str = COOKIE) -> str:
    return name if is_local(request) else f"__Host-{name}"


def put_session(response: Response, text: str) -> None:
    put_cookie(response, COOKIE, text, sessions.SESSION_S)


def drop_session(response: Response) -> None:
    drop_cookie(response, COOKIE)


def put_cookie(response: Response, name: str, text: str, lasts_s: int) -> None:
    """One that no script reads and no other site's form sends."""
    response.set_cookie(
        cookie_name(request, name),
        text,
        max_age=lasts_s,
        path="/",
        secure=not is_local(request),
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(response: Response, name: str) -> None:
    response.delete_cookie(
        cookie_name(request, name), path="/", secure=not is_local(request), httponly=True, samesite="Lax"
    )
