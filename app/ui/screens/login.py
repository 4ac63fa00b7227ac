"""S16, logging in: by a token, or by the link that `flotilla up` prints."""

from flask import Blueprint, Response, g, request

from app.domain.errors import FlotillaError, Unauthorized
from app.services import access, sessions
from app.services.access import Principal
from app.ui import guard, pages
from app.ui.context import core, ui

routes = Blueprint("login", __name__)


@routes.get("/login")
@guard.needs(guard.PUBLIC)
def show_login() -> Response:
    return _show(request.args.get("next", "/"))


@routes.post("/login")
@guard.needs(guard.PUBLIC)
def log_in() -> Response:
    text, to = request.form.get("token", "").strip(), request.form.get("next", "/")
    try:
        who = access.authenticate(core(), text)
        opened = sessions.open_session(core(), who)
    except FlotillaError as refusal:
        if isinstance(refusal, Unauthorized):
            ui().ways.note_refusal(request, text)
        told = ui().ways.explain(refusal)
        return _show(to, wrong=told.detail, status=told.status)
    return _entered(who, opened, to)


@routes.get("/login/<text>")
@guard.needs(guard.PUBLIC)
def follow_link(text: str) -> Response:
    try:
        who, opened = sessions.use_link(core(), text)
    except Unauthorized as refusal:
        ui().ways.note_refusal(request, "")
        remedy = "make another with `flotilla login`, or use a token"
        return _show("/", wrong=f"{refusal}; {remedy}", status=401)
    return _entered(who, opened, "/")


@routes.post("/logout")
@guard.needs(sessions.SCOPE)
def log_out() -> Response:
    response = pages.back("/login")
    guard.drop_session(response)
    return response


@routes.post("/ui/link")
@guard.needs(guard.PUBLIC)
def make_link() -> Response:
    """For `flotilla up` and `flotilla login`, which send a token in the header."""
    g.who = ui().ways.admit(request)
    text = sessions.make_link(core(), g.who)
    return pages.fragment({"path": f"/login/{text}", "expiresInSeconds": sessions.LINK_S})


def _entered(who: Principal, opened: str, to: str) -> Response:
    g.who = who
    response = pages.back(to)
    guard.put_session(response, opened)
    return response


def _show(to: str, wrong: str = "", status: int = 200) -> Response:
    return pages.page(
        "login.html",
        title="Log in",
        status=status,
        to=pages.own(to),
        wrong=wrong,
        # Browsers say Sec-Fetch-Site only over TLS or to their own machine, and keep a Secure cookie only there.
        keeps_cookies=guard.is_local(request) or request.is_secure or "Sec-Fetch-Site" in request.headers,
    )
