"""A page from its template: whole for a browser, or only its main part for the script that keeps it fresh.

Every page is told its title, its state (which the title and the icon carry), and where in the navigation it stands.
What a form has done is said on the next page: `back` puts it into a cookie of a few seconds, `page` takes it out.
"""

from typing import Any, Final

import orjson
from flask import Response, g, redirect, request

from app.domain.errors import Unauthorized
from app.services import sessions
from app.services.core import MICROSECONDS
from app.ui import guard, words
from app.ui.context import core, session, ui

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PART_HEADER: Final = "X-Flotilla-Part"
THEMES: Final = ("light", "dark", "system")
_THEME: Final = "flotilla_theme"
_SAID: Final = "flotilla_said"
_SAID_S: Final = 20


def page(template: str, *, title: str, active: str = "", state: str = "", status: int = 200, **values: Any) -> Response:
    """`active` is a key of `menu.NAV`. `values` are what the template itself asks for."""
    is_part = PART_HEADER in request.headers
    said = "" if is_part else _take_said()
    text = (
        ui()
        .templates.get_template(template)
        .render(
            layout="part.html" if is_part else "layout.html",
            title=title,
            active=active,
            state=state,
            theme=theme(),
            said=said,
            who=g.get("who"),
            can=_can,
            moment=g.get("moment"),
            now_us=_now_us(),
            csrf=sessions.form_mark(core(), session()),
            has_session=bool(session()),
            here=request.full_path.rstrip("?"),
            request_id=ui().ways.request_id(request),
            origin=request.host_url.rstrip("/"),
            version=core().version,
            **values,
        )
    )
    response = Response(text, status, mimetype="text/html")
    if said:
        response.delete_cookie(_SAID, path="/")
    return response


def fragment(value: Any) -> Response:
    """JSON for our own scripts."""
    return Response(orjson.dumps(value), mimetype="application/json")


def back(to: str, said: str = "") -> Response:
    """After a form: to a page of ours, which says what was done."""
    response = redirect(own(to), 303)
    if said:
        until_us = core().store.read(lambda tx: tx.now_us) + _SAID_S * MICROSECONDS
        text = core().signer.sign(_SAID, said, until_us)
        response.set_cookie(_SAID, text, max_age=_SAID_S, path="/", httponly=True, samesite="Lax")
    return response  # type: ignore[return-value]  # Flask's redirect gives werkzeug's base class


def own(to: str) -> str:
    """A path of this site; the first page for an address elsewhere, also for one that only a browser reads as such."""
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and to.isprintable() else "/"


def theme() -> str:
    chosen = request.cookies.get(_THEME, "")
    return chosen if chosen in THEMES else "system"


def finish(response: Response) -> Response:
    """The headers of a page; what the application sets for answers of an API is for programs."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    if g.get("session_over"):
        guard.drop_session(response)
    return response


def _take_said() -> str:
    text = request.cookies.get(_SAID, "")
    if not text:
        return ""
    try:
        return str(core().signer.check(_SAID, text, core().store.read(lambda tx: tx.now_us)))
    except Unauthorized:
        return ""


def _can(scope: str) -> bool:
    return "who" in g and scope in g.who.scopes


def ago(at_us: int) -> str:
    return words.ago(at_us, _now_us())


def _now_us() -> int:
    """The page's moment; one that answers a form has none, as it is not kept fresh."""
    if "moment" in g:
        return int(g.moment.now_us)
    if "now_us" not in g:
        g.now_us = core().store.read(lambda tx: tx.now_us)
    return int(g.now_us)
