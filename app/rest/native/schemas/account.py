"""Projects and tokens: as read and as answered."""

from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields

from app.domain import limits
from app.ports.records import Project, Token
from app.rest.native.fields import Choice, Flag, Strict, Text, Time, Whole, rfc3339
from app.rest.native.schemas.shown import Document, Shown, list_of, time_or_none
from app.services.access import ISSUED_ROLES, SCOPES, SYSTEM
from app.wire import protocol

JOINING = "A token of the role join is good for one node to join with, for an hour at most."
LARGEST_PROTOCOL = 1_000_000
LONGEST_LIFE_S = 10 * 366 * 86_400
KNOWN_SCOPES = tuple(sorted({SYSTEM, *(scope for scopes in SCOPES.values() for scope in scopes)}))


class ProjectIn(Strict):
    name = Text(limits.MAX_JOB_NAME, required=True)


class ProjectShown(Shown):
    id = fields.UUID()
    orgId = fields.UUID()
    name = fields.String()
    createdAt = Time()

    @staticmethod
    def show(value: Project) -> Document:
        return {
            "id": value.id,
            "orgId": value.org_id,
            "name": value.name,
            "createdAt": rfc3339(value.created_at_us),
        }


ProjectList = list_of(ProjectShown)


class Scopes(fields.List[Any]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        loaded: list[Any] = super()._deserialize(value, attr, data, **kwargs)
        if len(set(loaded)) < len(loaded):
            raise ValidationError("names a scope twice")
        return loaded


class TokenIn(Strict):
    name = Text(limits.MAX_JOB_NAME, required=True)
    role = Choice(ISSUED_ROLES, metadata={"description": "The user's by default; without a user member."})
    scopes = Scopes(Choice(KNOWN_SCOPES), metadata={"description": "Fewer than the role's; by default all of them."})
    expires_s = Whole(1, LONGEST_LIFE_S, data_key="expiresInSeconds", metadata={"description": JOINING})
    user_id = fields.UUID(data_key="userId", metadata={"description": "Whose it is; it never may more than he."})


class JoinIn(Strict):
    node_id = Text(limits.MAX_LABEL, required=True, data_key="nodeId", metadata={"description": "As it registers."})
    needs_broker = Flag(
        load_default=False, data_key="needsBroker", metadata={"description": "Refused when no broker can be named."}
    )
    speaks = Whole(0, LARGEST_PROTOCOL, load_default=1, data_key=protocol.FIELD)


class TokenShown(Shown):
    id = fields.String()
    name = fields.String()
    role = fields.String()
    scopes = fields.List(fields.String())
    createdAt = Time()
    expiresAt = Time(allow_none=True)
    revokedAt = Time(allow_none=True)
    lastUsedAt = Time(allow_none=True, metadata={"description": "To the minute."})
    userId = fields.UUID(allow_none=True)
    nodeId = fields.String(allow_none=True, metadata={"description": "The only node it speaks for."})

    @staticmethod
    def show(value: Token) -> Document:
        return {
            "id": value.id,
            "name": value.name,
            "role": value.role,
            "scopes": value.scopes,
            "createdAt": rfc3339(value.created_at_us),
            "expiresAt": time_or_none(value.expires_at_us),
            "revokedAt": time_or_none(value.revoked_at_us),
            "lastUsedAt": time_or_none(value.used_at_us),
            "userId": value.user_id,
            "nodeId": value.node_id,
        }


TokenList = list_of(TokenShown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new token and the text that is shown this once."""

    token: Token
    text: str


class NewToken(TokenShown):
    token = fields.String(metadata={"description": "Shown this once."})

    @staticmethod
    def show(value: Issued) -> Document:  # type: ignore[override]  # a token and its text
        return {**TokenShown.show(value.token), "token": value.text}


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Issued):
    """`broker_url` is empty when it was not asked for."""

    broker_url: str


class JoinedShown(NewToken):
    brokerUrl = fields.String(allow_none=True, metadata={"description": "Where the node finds the broker, if asked."})

    @staticmethod
    def show(value: Joined) -> Document:  # type: ignore[override]  # a token, its text, and the broker
        return {**NewToken.show(value), "brokerUrl": value.broker_url or None}
