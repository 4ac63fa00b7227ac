"""Who is calling, and may they: tokens, roles, scopes.

A token is `fl_<8 characters id>_<43 characters secret>`. The store has the SHA-256 of the secret only: 256 random bits
need no slow hash. A token that is unknown, wrong, expired or revoked is refused in the same words.
"""

import hashlib
import hmac
from dataclasses import dataclass

from app.domain.errors import Forbidden, Unauthorized
from app.ports.records import Token
from app.ports.store import Writer
from app.services.core import MICROSECONDS, Core

ORG = "00000000-0000-7000-8000-000000000000"
"""The organization that a new installation starts with."""

SCOPES = {
    "viewer": ("jobs:read", "messages:read"),
    "member": ("jobs:read", "jobs:write", "messages:read"),
    "admin": ("jobs:read", "jobs:write", "messages:read", "nodes:admin", "org:admin"),
    "node": ("runs:report",),
}
"""What each role may do; a token may be given fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who acts: `name` is shown as the creator of what it makes."""

    org_id: str
    name: str
    role: str
    scopes: tuple[str, ...]

    def require(self, scope: str) -> None:
        """Raises Forbidden."""
        if scope not in self.scopes:
            raise Forbidden(f"this token has not the scope {scope}; it has: {', '.join(self.scopes) or 'none'}")


def anonymous(role: str) -> Principal:
    """Who a request without a token is, where the operator gave such requests a role."""
    return Principal(org_id=ORG, name="anonymous", role=role, scopes=SCOPES[role])


def authenticate(core: Core, text: str) -> Principal:
    """Raises Unauthorized."""
    prefix, _, rest = text.partition("_")
    token_id, _, secret = rest.partition("_")
    known = core.store.read(lambda tx: (tx.token(token_id), tx.now_us)) if prefix == "fl" and token_id else (None, 0)
    token, now_us = known
    given = hashlib.sha256(secret.encode()).hexdigest()
    if token is None or not hmac.compare_digest(given, token.secret_hash) or _over(token, now_us):
        raise Unauthorized("the token is not valid: unknown, expired or revoked")
    return Principal(org_id=token.org_id, name=token.name, role=token.role, scopes=token.scopes)


def create_token(
    core: Core,
    *,
    org_id: str,
    name: str,
    role: str,
    scopes: tuple[str, ...] | None = None,
    expires_s: int | None = None,
) -> tuple[Token, str]:
    """The token as stored, and the text that is shown this once."""
    secret = core.chance.secret()
    token_id = core.chance.secret().replace("_", "x").replace("-", "y")[:8]

    def work(tx: Writer) -> Token:
        token = Token(
            id=token_id,
            org_id=org_id,
            name=name,
            role=role,
            scopes=SCOPES[role] if scopes is None else scopes,
            secret_hash=hashlib.sha256(secret.encode()).hexdigest(),
            created_at_us=tx.now_us,
            expires_at_us=None if expires_s is None else tx.now_us + expires_s * MICROSECONDS,
        )
        tx.save_token(token)
        return token

    return core.store.write(work), f"fl_{token_id}_{secret}"


def _over(token: Token, now_us: int) -> bool:
    expired = token.expires_at_us is not None and token.expires_at_us <= now_us
    return expired or token.revoked_at_us is not None
