"""What becomes of tokens: made for people and nodes, exchanged, renewed, revoked. Their text is shown once."""

from dataclasses import replace

from app.domain.errors import Conflict, Forbidden, Invalid, NotFound, Problem, Unauthorized
from app.ports.people import User
from app.ports.records import Token
from app.ports.store import Reader, Writer
from app.services import access
from app.services.access import Principal
from app.services.core import MICROSECONDS, Core

EXCHANGED_S = 3600
JOIN_S = 3600
FLEET_ROLES = ("node", "join")


def create(
    core: Core,
    who: Principal,
    *,
    name: str,
    role: str | None = None,
    scopes: tuple[str, ...] | None = None,
    expires_s: int | None = None,
    user_id: str | None = None,
) -> tuple[Token, str]:
    """For a user (his role unless another is given), or for a program. Raises Invalid for more than may be given."""
    who.require("org:admin")

    def work(tx: Writer) -> tuple[Token, str]:
        user = _user(tx, who, user_id) if user_id else None
        chosen = role or (user.role if user else "member")
        allowed = _grantable(who, chosen)
        if user and (beyond := [one for one in allowed if one not in access.scopes_of(user.role, who.org_id)]):
            raise Invalid([Problem("/role", f"the user is {user.role} and has not {', '.join(beyond)}")])
        if beyond := [scope for scope in scopes or () if scope not in allowed]:
            detail = f"the role {chosen} has not {', '.join(beyond)}; it has {', '.join(allowed)}"
            raise Invalid([Problem("/scopes", detail)])
        given = scopes if scopes is not None else tuple(one for one in allowed if one != access.SYSTEM)
        lasts_s = min(expires_s or JOIN_S, JOIN_S) if chosen == "join" else expires_s
        return access.issue(
            core, tx, org_id=who.org_id, name=name, role=chosen, scopes=given, expires_s=lasts_s, user_id=user_id
        )

    return core.store.write(work)


def _user(tx: Reader, who: Principal, user_id: str) -> User:
    user = tx.user(user_id)
    if user is None or user.org_id != who.org_id or user.revoked_at_us is not None:
        raise Invalid([Problem("/userId", "there is no such user; GET /v1/users lists them")])
    return user


def _grantable(who: Principal, role: str) -> tuple[str, ...]:
    """Nodes are given the runs of all organizations: only who administers the fleet may make one."""
    if role in FLEET_ROLES and "nodes:admin" not in who.scopes:
        raise Forbidden(f"to make a token of the role {role} takes the scope nodes:admin")
    allowed = access.scopes_of(role, who.org_id)
    return (*allowed, access.SYSTEM) if role == "admin" and access.SYSTEM in who.scopes else allowed


def listing(core: Core, who: Principal) -> list[Token]:
    who.require("org:admin")
    return core.store.read(lambda tx: tx.tokens(who.org_id))


def revoke(core: Core, who: Principal, token_id: str) -> None:
    who.require("org:admin")

    def work(tx: Writer) -> None:
        token = _find(tx, who, token_id)
        tx.save_token(replace(token, revoked_at_us=token.revoked_at_us or tx.now_us))

    core.store.write(work)


def rotate(core: Core, who: Principal, token_id: str) -> tuple[Token, str]:
    """The same token with a new text; the old one is worthless within seconds. Raises Conflict when it is over."""
    who.require("org:admin")

    def work(tx: Writer) -> tuple[Token, str]:
        token = _find(tx, who, token_id)
        if access.SYSTEM in token.scopes:
            who.require(access.SYSTEM)
        if access.over(token, tx.now_us):
            raise Conflict("this token has expired or was revoked; make another")
        secret = core.chance.secret()
        token = replace(token, secret_hash=access.digest(secret))
        tx.save_token(token)
        return token, access.text_of(token, secret)

    return core.store.write(work)


def _find(tx: Writer, who: Principal, token_id: str) -> Token:
    token = tx.lock_token(token_id)
    if token is None or token.org_id != who.org_id:
        raise NotFound("there is no such token")
    return token


def exchange(core: Core, client_id: str, secret: str) -> tuple[str, int, Principal]:
    """Client credentials: any client id, and a token as secret. A short-lived token, its seconds, and who it is.

    Raises Unauthorized, also for what was itself given in exchange.
    """
    if not client_id or not secret.startswith("fl_"):
        raise Unauthorized("the client secret must be a token of this installation (fl_...)")
    who = access.authenticate(core, secret)

    def work(tx: Reader) -> tuple[str, int]:
        token = tx.token(who.token_id)
        if token is None:
            raise Unauthorized("the client secret is not valid any more")
        end_us = tx.now_us + EXCHANGED_S * MICROSECONDS
        end_us = min(end_us, token.expires_at_us or end_us)
        text = core.signer.sign(access.ACCESS, [token.id, access.mark_of(token)], end_us)
        return f"fla_{text}", max(1, (end_us - tx.now_us) // MICROSECONDS)

    text, lasts_s = core.store.read(work)
    return text, lasts_s, who
