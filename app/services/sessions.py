"""Logging in to the dashboard: with a token, by a link that is good once, or through an identity provider
(`single_sign_on.py`); from then on by a signed text in a cookie.

A session is its token's: it ends when that is revoked, rotated or expired, and after SESSION_S in any case. It is no
token: no route of an API knows it. `form_mark` is what a form of a session carries, so that only our pages can send it.
"""

from typing import Final

from app.domain.errors import Forbidden, Unauthorized
from app.ports.records import KeptAnswer, Token
from app.ports.store import Reader, Writer
from app.services import access
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core

SESSION_S: Final = 12 * 3600
LINK_S: Final = 300
SCOPE: Final = "jobs:read"
"""Without it there is nothing to see."""

_SESSION: Final = "session"
_LINK: Final = "login link"
_FORM: Final = "form"
_NOBODY: Final = "who comes without a token of the store has no session; log in with one (fl_...)"


def open_session(core: Core, who: Principal) -> str:
    """Raises Forbidden for who may see nothing, and for a principal without a token."""
    who.require(SCOPE)
    return core.store.read(lambda tx: session_of(core, tx, _token(tx, who)))


def check_session(core: Core, text: str) -> Principal:
    """Raises Unauthorized."""
    return core.store.read(lambda tx: access.principal_of(tx, _believed(core, tx, _SESSION, text)[0]))


def make_link(core: Core, who: Principal) -> str:
    """The text of a link that logs in as its maker, once, within LINK_S. Raises Forbidden as `open_session`."""
    who.require(SCOPE)
    nonce = core.chance.secret()

    def work(tx: Reader) -> str:
        token = _token(tx, who)
        return core.signer.sign(_LINK, [token.id, access.mark_of(token), nonce], tx.now_us + LINK_S * MICROSECONDS)

    return core.store.read(work)


def use_link(core: Core, text: str) -> tuple[Principal, str]:
    """Who it is, and the session. Raises Unauthorized, also when the link was used before."""

    def work(tx: Writer) -> tuple[Principal, str]:
        token, nonce = _believed(core, tx, _LINK, text)
        who = access.principal_of(tx, token)
        # Kept longer than the link is good for, as all kept answers are.
        used = KeptAnswer(
            org_id=token.org_id, route=_LINK, key=nonce, body_hash="", resource_id=token.id, at_us=tx.now_us
        )
        if not tx.keep_answer(used):
            raise Unauthorized("this link was used before; links are good once")
        return who, session_of(core, tx, token)

    return core.store.write(work)


def form_mark(core: Core, session: str) -> str:
    """`session` is empty for who needs none."""
    return core.signer.sign(_FORM, access.digest(session))


def check_form(core: Core, session: str, mark: str) -> None:
    """Raises Forbidden."""
    try:
        said = core.signer.check(_FORM, mark, 0)
    except Unauthorized:
        said = None
    if said != access.digest(session):
        raise Forbidden("this form is not from a page of this session; load the page again and send it once more")


def session_of(core: Core, tx: Reader, token: Token) -> str:
    """For who has come in; whether he may is not asked here."""
    end_us = tx.now_us + SESSION_S * MICROSECONDS
    end_us = min(end_us, token.expires_at_us or end_us)
    return core.signer.sign(_SESSION, [token.id, access.mark_of(token), core.chance.secret()], end_us)


def _believed(core: Core, tx: Reader, purpose: str, text: str) -> tuple[Token, str]:
    token_id, mark, nonce = core.signer.check(purpose, text, tx.now_us)
    token = tx.token(token_id)
    if token is None or mark != access.mark_of(token):
        raise Unauthorized("log in again: the token of this session has changed")
    return token, nonce


def _token(tx: Reader, who: Principal) -> Token:
    token = tx.token(who.token_id) if who.token_id else None
    if token is None:
        raise Forbidden(_NOBODY)
    return token
