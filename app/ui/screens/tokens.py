"""S13, tokens: who may call, made and revoked here. The text of a new one is shown this once."""

from typing import Final

from flask import Blueprint, Response, request

from app.domain.errors import FlotillaError
from app.ports.records import Token
from app.services import access, single_sign_on, tokens
from app.ui import guard, pages
from app.ui.context import core, ui, who

routes = Blueprint("tokens", __name__)

LIFETIMES: Final = {
    "": "ever, until revoked",
    "3600": "1 hour",
    "86400": "1 day",
    "2592000": "30 days",
    "31536000": "1 year",
}
_ROLES: Final = {
    "viewer": "sees everything, changes nothing",
    "member": "submits and changes jobs",
    "curator": "and changes templates of others, and sees everybody's messages",
    "admin": "and administers nodes and tokens",
    "node": "is a compute node",
    "join": "makes one new node, once, within an hour",
}
_LONGEST_NAME: Final = 200


@routes.get("/tokens")
@guard.needs("org:admin")
def list_tokens() -> Response:
    return _show()


@routes.post("/ui/tokens")
@guard.needs("org:admin")
def make_token() -> Response:
    name, role = request.form.get("name", "").strip()[:_LONGEST_NAME], request.form.get("role", "viewer")
    lifetime = request.form.get("lifetime", "")
    if not name or role not in access.ISSUED_ROLES or lifetime not in LIFETIMES:
        return _show(wrong="a token has a name, one of the roles and one of the lifetimes", status=422)
    try:
        made, text = tokens.create(core(), who(), name=name, role=role, expires_s=int(lifetime) if lifetime else None)
    except FlotillaError as refusal:
        told = ui().ways.explain(refusal)
        return _show(wrong=told.detail, status=told.status)
    return _show(made=made, text=text)


@routes.post("/ui/tokens/<key:token_id>/<verb>")
@guard.needs("org:admin")
def change_token(token_id: str, verb: str) -> Response:
    if verb == "rotate":
        made, text = tokens.rotate(core(), who(), token_id)
        return _show(made=made, text=text)
    tokens.revoke(core(), who(), token_id)
    return pages.back("/tokens", "Revoked: it is refused within seconds.")


def _show(made: Token | None = None, text: str = "", wrong: str = "", status: int = 200) -> Response:
    now_us = core().store.read(lambda tx: tx.now_us)
    listed = sorted(tokens.listing(core(), who()), key=lambda token: -token.created_at_us)
    return pages.page(
        "tokens.html",
        title="Tokens",
        active="tokens",
        status=status,
        tokens=[token for token in listed if not access.over(token, now_us)],
        over=[token for token in listed if access.over(token, now_us)],
        made=made,
        text=text,
        wrong=wrong,
        roles={role: _ROLES[role] for role in access.ISSUED_ROLES},
        lifetimes=LIFETIMES,
        own_id=who().token_id,
        is_login=single_sign_on.is_login,
        now=now_us,
    )
