"""Who is calling, and may they: roles, scopes, and what a token's text says.

    fl_<8 characters id>_<43 characters secret>   a row in the store, with the SHA-256 of the secret: 256 random bits
                                                  need no slow hash
    fla_<signed text>                             short-lived, given in exchange for one of those (`tokens.exchange`)
    flr_<signed text>                             a run's own, good while that run runs (`app/services/assign.py`)

One that is unknown, wrong, expired or revoked is refused in the same words.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.domain.errors import Forbidden, Unauthorized
from app.ports.people import User
from app.ports.records import Token
from app.ports.store import Reader, Writer
from app.services.core import MICROSECONDS, Core
from app.wire.states import RunState

ORG: Final = "00000000-0000-7000-8000-000000000000"
"""The organization that runs the installation, there from the start. The fleet is its own, and serves all others."""

SYSTEM: Final = "system:admin"
"""What the administrator of `flotilla up` may do beside his role: make organizations, and see all runs on nodes."""

_VIEWER: Final = ("jobs:read", "messages:read")
_MEMBER: Final = ("jobs:read", "jobs:write", "messages:read")
_CURATOR: Final = (*_MEMBER, "messages:admin", "templates:admin")
SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    "viewer": _VIEWER,
    "member": _MEMBER,
    "curator": _CURATOR,
    "admin": (*_CURATOR, "nodes:admin", "org:admin", "metrics:read"),
    "node": ("runs:report",),
    "join": ("nodes:join",),
    "run": ("runs:self",),
}
"""What each role may do; a token may be given fewer. `messages:admin` shows everybody's messages where a dialect shows
a caller his own; `templates:admin` changes templates that others made.
"""

_OF_THE_WHOLE: Final = ("nodes:admin", "metrics:read")

USER_ROLES: Final = ("viewer", "member", "curator", "admin")
ISSUED_ROLES: Final = (*USER_ROLES, "node", "join")
ACCESS: Final = "access"
RUN: Final = "run"
_REFUSAL: Final = "the token is not valid: unknown, expired or revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts: `name` is shown as the creator of what it makes. `node_id` and `run_id` (at `fence`) are the only ones
    it may speak for, where given. `token_id` is empty for who came without one and for runs. `traceparent` is the trace
    that he acts in, and what he submits then belongs to.
    """

    org_id: str
    name: str
    role: str
    scopes: tuple[str, ...]
    token_id: str = ""
    user_id: str | None = None
    node_id: str | None = None
    run_id: str | None = None
    fence: int = 0
    traceparent: str | None = None

    def require(self, scope: str) -> None:
        """Raises Forbidden."""
        if scope not in self.scopes:
            raise Forbidden(f"this token has not the scope {scope}; it has: {', '.join(self.scopes) or 'none'}")

    def speaks_for(self, node_id: str) -> None:
        """Raises Forbidden for another node than its own."""
        if self.node_id is not None and self.node_id != node_id:
            raise Forbidden(f"this token is that of the node {self.node_id}")


def scopes_of(role: str, org_id: str) -> tuple[str, ...]:
    """The fleet serves all organizations, so that only those of its own may administer and measure it."""
    return tuple(scope for scope in SCOPES[role] if scope not in _OF_THE_WHOLE or org_id == ORG)


def anonymous(role: str) -> Principal:
    """Who a request without a token is, where the operator gave such requests a role."""
    return Principal(org_id=ORG, name="anonymous", role=role, scopes=SCOPES[role])


def authenticate(core: Core, text: str) -> Principal:
    """Raises Unauthorized."""
    kind, _, rest = text.partition("_")
    if kind == "fl":
        return core.store.read(lambda tx: _by_secret(tx, rest))
    if kind == "fla":
        return core.store.read(lambda tx: _by_exchange(tx, core.signer.check(ACCESS, rest, tx.now_us)))
    if kind == "flr":
        return core.store.read(lambda tx: _of_run(tx, *core.signer.check(RUN, rest, tx.now_us)))
    raise Unauthorized(_REFUSAL)


def _by_secret(tx: Reader, rest: str) -> Principal:
    token_id, _, secret = rest.partition("_")
    token = tx.token(token_id) if token_id else None
    if token is None or not hmac.compare_digest(digest(secret), token.secret_hash):
        raise Unauthorized(_REFUSAL)
    return principal_of(tx, token)


def _by_exchange(tx: Reader, payload: list[str]) -> Principal:
    """A rotated token takes those with it that were given in exchange for it."""
    token_id, mark = payload
    token = tx.token(token_id)
    if token is None or mark != mark_of(token):
        raise Unauthorized(_REFUSAL)
    return principal_of(tx, token)


def _of_run(tx: Reader, run_id: str, fence: int) -> Principal:
    run = tx.run(run_id)
    job = tx.job(run.job_id) if run else None
    if run is None or job is None or run.state is not RunState.RUNNING or run.fence != fence:
        raise Unauthorized(_REFUSAL)
    return Principal(
        org_id=job.org_id, name=f"run {run.id}", role="run", scopes=SCOPES["run"], run_id=run.id, fence=fence
    )


def principal_of(tx: Reader, token: Token) -> Principal:
    """Raises Unauthorized for a token that is over, or whose user is."""
    user = tx.user(token.user_id) if token.user_id else None
    if over(token, tx.now_us) or (token.user_id and (user is None or user.revoked_at_us is not None)):
        raise Unauthorized(_REFUSAL)
    return Principal(
        org_id=token.org_id,
        name=user.name if user else token.name,
        role=token.role,
        scopes=_scopes_with(token, user),
        token_id=token.id,
        user_id=token.user_id,
        node_id=token.node_id,
    )


def _scopes_with(token: Token, user: User | None) -> tuple[str, ...]:
    if user is None:
        return token.scopes
    allowed = scopes_of(user.role, user.org_id)
    return tuple(scope for scope in token.scopes if scope in allowed)


def create_token(
    core: Core,
    *,
    org_id: str,
    name: str,
    role: str,
    scopes: tuple[str, ...] | None = None,
    expires_s: int | None = None,
) -> tuple[Token, str]:
    """The token as stored, and the text that is shown this once. Whoever calls this may."""
    return core.store.write(
        lambda tx: issue(core, tx, org_id=org_id, name=name, role=role, scopes=scopes, expires_s=expires_s)
    )


def issue(
    core: Core,
    tx: Writer,
    *,
    org_id: str,
    name: str,
    role: str,
    scopes: tuple[str, ...] | None = None,
    expires_s: int | None = None,
    user_id: str | None = None,
    node_id: str | None = None,
) -> tuple[Token, str]:
    secret = core.chance.secret()
    token = Token(
        id=core.chance.secret().replace("_", "x").replace("-", "y")[:8],
        org_id=org_id,
        name=name,
        role=role,
        scopes=scopes_of(role, org_id) if scopes is None else scopes,
        secret_hash=digest(secret),
        created_at_us=tx.now_us,
        expires_at_us=None if expires_s is None else tx.now_us + expires_s * MICROSECONDS,
        user_id=user_id,
        node_id=node_id,
    )
    tx.save_token(token)
    return token, text_of(token, secret)


def text_of(token: Token, secret: str) -> str:
    return f"fl_{token.id}_{secret}"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def mark_of(token: Token) -> str:
    """Changes with the secret, and tells nothing of it."""
    return digest(f"mark {token.secret_hash}")[:16]


def over(token: Token, now_us: int) -> bool:
    expired = token.expires_at_us is not None and token.expires_at_us <= now_us
    return expired or token.revoked_at_us is not None
