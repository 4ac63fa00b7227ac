"""S16, logging in: by a token, through an identity provider, or by the link that `flotilla up` prints."""

from typing import Final

from flask import Blueprint, Response, g, redirect, request

from app.domain.errors import FlotillaError, NotFound, Unauthorized, Unavailable
from app.services import access, sessions, single_sign_on
from app.services.access import Principal
from app.ui import guard, pages
from app.ui.context import core, ui

routes = Blueprint("login", __name__)

BACK: Final = "/login/oidc/callback"
"""Where an identity provider sends browsers; it knows this address."""

_BEGUN: Final = "flotilla_login"


@routes.get("/login")
@guard.needs(guard.PUBLIC)
def show_login() -> Response:
    return _show(request.args.get("next", "/"), ending="out" in request.args)


@routes.post("/login")
@guard.needs(guard.PUBLIC)
def log_in() -> Response:
    text, to = request.form.get("token", "").strip(), request.form.get("next", "/")
    try:
        who = access.authenticate(core(), text)
        opened = sessions.open_session(core(), who)
    except FlotillaError as refusal:
        if isinstance(refusal, Unauthorized):
            ui().ways.note_refusal(request, text, "")
        told = ui().ways.explain(refusal)
        return _show(to, wrong=told.detail, status=told.status)
    return _entered(who, opened, to)


@routes.get("/login/<text>")
@guard.needs(guard.PUBLIC)
def follow_link(text: str) -> Response:
    try:
        who, opened = sessions.use_link(core(), text)
    except Unauthorized as refusal:
        ui().ways.note_refusal(request, "", "")
        remedy = "make another with `flotilla login`, or use a token"
        return _show("/", wrong=f"{refusal}; {remedy}", status=401)
    return _entered(who, opened, "/")


@routes.get("/login/oidc")
@guard.needs(guard.PUBLIC)
def go_to_provider() -> Response:
    to = pages.own(request.args.get("next", "/"))
    try:
        begun = single_sign_on.begin(core(), ui().ways.sent_back or _address(BACK), to)
    except (NotFound, Unavailable) as refusal:
        told = ui().ways.explain(refusal)
        return _show(to, wrong=told.detail, status=told.status)
    response: Response = redirect(begun.address, 303)  # type: ignore[assignment]  # werkzeug's base class
    guard.put_cookie(response, _BEGUN, begun.kept, single_sign_on.BEGUN_S)
    return response


@routes.get(BACK)
@guard.needs(guard.PUBLIC)
def come_back() -> Response:
    kept = request.cookies.get(guard.cookie_name(request, _BEGUN), "")
    try:
        entered = single_sign_on.finish(core(), kept, request.args.to_dict())
    except FlotillaError as refusal:
        told = ui().ways.explain(refusal)
        if told.status < 500:
            ui().ways.note_refusal(request, "", told.detail)
        to = single_sign_on.wanted(core(), kept)
        response = _show(to, wrong=told.detail, status=told.status, ending=told.status == 403)
    else:
        response = _entered(entered.who, entered.session, entered.to)
    guard.drop_cookie(response, _BEGUN)
    return response


@routes.post("/logout")
@guard.needs(sessions.SCOPE)
def log_out() -> Response:
    provider = core().provider
    response = pages.back("/login?out" if provider and provider.for_browsers else "/login", "You are logged out here.")
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
    response = pages.back(to)
    guard.put_session(response, opened)
    if request.method == "GET":
        ui().ways.note_login(who, response)  # what is sent by POST is noted anyway
    else:
        g.who = who
    return response


def _show(to: str, wrong: str = "", status: int = 200, *, ending: bool = False) -> Response:
    """With `ending`, the provider's own logout is offered, too."""
    provider = core().provider
    return pages.page(
        "login.html",
        title="Log in",
        status=status,
        to=pages.own(to),
        wrong=wrong,
        provider=provider.name if provider and provider.for_browsers else "",
        ending=_ending() if ending else None,
        # Browsers say Sec-Fetch-Site only over TLS or to their own machine, and keep a Secure cookie only there.
        keeps_cookies=guard.is_local(request) or request.is_secure or "Sec-Fetch-Site" in request.headers,
    )


def _ending() -> str | None:
    try:
        return single_sign_on.provider_of(core()).ending(_address("/login"))
    except (NotFound, Unavailable):
        return None


def _address(path: str) -> str:
    """Of this site, as the browser has it. Off loopback there is TLS before us where there is none here: without, no
    browser keeps the cookie.
    """
    scheme = request.scheme if guard.is_local(request) else "https"
    return f"{scheme}://{request.host}{path}"
