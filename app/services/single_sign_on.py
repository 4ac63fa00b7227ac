"""Coming in through an identity provider: a browser logs in there and comes back, a program sends a token of it.

    begin     what must come back unchanged is signed and kept by the browser, so that nobody can be made to log in as
              another, and an answer that was begun elsewhere is worth nothing
    finish    the code is redeemed, the claims are proved and judged (`app/domain/admission.py`), and a session opened
    admit     a token in the header instead: as long as it is good, and without a session

Who comes in for the first time becomes a user of an organization; his id is made of who he is at the provider, so that
two requests at once make one user. His name is given once, is nobody else's, and stays: what he makes is known by it.
His sessions hang on a token of his whose text nobody has; revoking it logs him out everywhere, revoking him keeps him
out.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from app.domain.admission import Admission
from app.domain.errors import Forbidden, NotFound, Unauthorized
from app.ports.identity import IdentityProvider, Unproven
from app.ports.people import User
from app.ports.records import Token
from app.ports.store import Reader, Writer
from app.services import access, sessions
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core

BEGUN_S: Final = 600
_PURPOSE: Final = "single sign-on"
_AGAIN: Final = "begin again"
_LONGEST_TOLD: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where the browser is sent, and what it keeps until it comes back."""

    address: str
    kept: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Who has come in, his session, and the page that he wanted to see."""

    who: Principal
    session: str
    to: str


def begin(core: Core, back: str, to: str) -> Begun:
    """Raises NotFound where there is no provider, and Unavailable."""
    provider = provider_of(core)
    state, nonce, verifier = (core.chance.secret() for _ in range(3))
    until_us = core.store.read(lambda tx: tx.now_us) + BEGUN_S * MICROSECONDS
    return Begun(
        address=provider.address(back, state=state, nonce=nonce, verifier=verifier),
        kept=core.signer.sign(_PURPOSE, [state, nonce, verifier, back, to], until_us),
    )


def finish(core: Core, kept: str, answer: Mapping[str, str]) -> Entered:
    """`answer` is what the browser came back with. Raises Unauthorized, Forbidden, Unavailable, NotFound."""
    provider = provider_of(core)
    now_us = core.store.read(lambda tx: tx.now_us)
    try:
        state, nonce, verifier, back, to = core.signer.check(_PURPOSE, kept, now_us)
    except Unauthorized:
        minutes = BEGUN_S // 60
        raise Unauthorized(f"this login was not begun in this browser within {minutes} minutes; {_AGAIN}") from None
    if not hmac.compare_digest(state.encode(), answer.get("state", "").encode()):
        raise Unauthorized(f"this answer belongs to another login; {_AGAIN}")
    if answer.get("iss", provider.issuer) != provider.issuer:
        raise Unauthorized(f"this answer is from another provider; {_AGAIN}")
    if "error" in answer:
        raise Unauthorized(f"{provider.name} did not log you in: {_told(answer)}; {_AGAIN}")
    if not answer.get("code"):
        raise Unauthorized(f"{provider.name} sent no code; {_AGAIN}")
    try:
        claims = provider.redeem(answer["code"], back=back, nonce=nonce, verifier=verifier)
    except Unproven as wrong:
        raise Unauthorized(f"{provider.name} did not prove who you are: {wrong}; {_AGAIN}") from None
    admission = core.admission.judge(claims)
    return core.store.write(lambda tx: _enter(core, tx, admission, to))


def wanted(core: Core, kept: str) -> str:
    """The page that a login was begun for, whatever became of it; the first one where that is not known."""
    try:
        return str(core.signer.check(_PURPOSE, kept, 0)[-1])
    except Unauthorized:
        return "/"


def admit(core: Core, text: str) -> Principal:
    """Who sends this token of the provider's. Raises Unauthorized, Forbidden, Unavailable."""
    if core.provider is None:
        raise Unauthorized("the token is not valid: this server takes no tokens of an identity provider")
    try:
        admission = core.admission.judge(core.provider.read(text))
    except Unproven as wrong:
        raise Unauthorized(f"the token is not valid: {wrong}") from None
    user = core.store.read(lambda tx: _known(tx, admission))
    if user is None:
        user = core.store.write(lambda tx: _known(tx, admission) or _new(tx, admission))
    _check_welcome(user)
    role = admission.role or user.role
    scopes = access.scopes_of(role, user.org_id)
    return Principal(org_id=user.org_id, name=user.name, role=role, scopes=scopes, user_id=user.id)


def looks_like_one(text: str) -> bool:
    """Whether it can only be a token of a provider's: three parts, and none of ours."""
    return text.count(".") == 2 and not text.startswith(("fl_", "fla_", "flr_"))


def provider_of(core: Core) -> IdentityProvider:
    """Raises NotFound."""
    if core.provider is None or not core.provider.for_browsers:
        raise NotFound("this installation has no identity provider to log in with; use a token")
    return core.provider


def is_login(token: Token) -> bool:
    """Whether it is what the sessions of a user hang on, and has no text."""
    return token.user_id is not None and token.id == _login_id(token.user_id)


def _enter(core: Core, tx: Writer, admission: Admission, to: str) -> Entered:
    user = _known(tx, admission) or _new(tx, admission)
    _check_welcome(user)
    if admission.role not in (None, user.role):
        user = replace(user, role=admission.role or user.role)
        tx.save_user(user)
    token = _login_token(core, tx, user)
    tx.save_token(token)
    return Entered(who=access.principal_of(tx, token), session=sessions.session_of(core, tx, token), to=to)


def _login_token(core: Core, tx: Writer, user: User) -> Token:
    """One that was revoked comes back with another secret: no session from before is good again."""
    until_us = tx.now_us + sessions.SESSION_S * MICROSECONDS
    scopes = access.scopes_of(user.role, user.org_id)
    known = tx.lock_token(_login_id(user.id))
    if known is not None and known.revoked_at_us is None:
        return replace(known, role=user.role, scopes=scopes, expires_at_us=until_us, used_at_us=tx.now_us)
    return Token(
        id=_login_id(user.id),
        org_id=user.org_id,
        name=f"login of {user.name}",
        role=user.role,
        scopes=scopes,
        secret_hash=access.digest(core.chance.secret()),
        created_at_us=tx.now_us,
        expires_at_us=until_us,
        user_id=user.id,
        used_at_us=tx.now_us,
    )


def _login_id(user_id: str) -> str:
    return access.digest(f"login {user_id}")[:16]


def _known(tx: Reader, admission: Admission) -> User | None:
    return tx.user(_user_id(admission, _organization(tx, admission)))


def _new(tx: Writer, admission: Admission) -> User:
    org_id = _organization(tx, admission)
    role = admission.role or admission.default_role
    if not role:
        raise Forbidden(f"no role here is meant for your account {admission.name}")
    user = User(
        id=_user_id(admission, org_id),
        org_id=org_id,
        name=_free_name(tx, org_id, admission),
        role=role,
        created_at_us=tx.now_us,
        issuer=admission.issuer,
        subject=admission.subject,
    )
    tx.save_user(user)
    return user


def _check_welcome(user: User) -> None:
    if user.revoked_at_us is not None:
        raise Forbidden(f"{user.name} was revoked here; an administrator has to make that undone")


def _organization(tx: Reader, admission: Admission) -> str:
    if admission.organization is None:
        return access.ORG
    for one in tx.organizations():
        if admission.organization in (one.id, one.name):
            return one.id
    raise Forbidden(
        f"the provider puts {admission.name} into an organization that is not here; ask whoever runs this installation"
    )


def _user_id(admission: Admission, org_id: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"{admission.issuer}\n{admission.subject}\n{org_id}"))


def _free_name(tx: Reader, org_id: str, admission: Admission) -> str:
    """Nobody's, be it of a user or of a token, and were it of one that is over: what they made is theirs."""
    taken = {user.name for user in tx.users(org_id)} | {token.name for token in tx.tokens(org_id)}
    for name in (admission.name, f"{admission.name} ({admission.subject[:_LONGEST_TOLD]})"):
        if name not in taken:
            return name
    return f"{admission.name} ({_user_id(admission, org_id)})"


def _told(answer: Mapping[str, str]) -> str:
    said = " ".join(answer[name] for name in ("error", "error_description") if answer.get(name))
    return "".join(letter for letter in said if letter.isprintable())[:_LONGEST_TOLD].rstrip(" .")
