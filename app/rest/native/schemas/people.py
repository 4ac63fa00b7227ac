"""Organizations, users and the audit: as read and as answered."""

from marshmallow import fields

from app.domain import limits
from app.ports.people import Entry, Organization, User
from app.rest.native.fields import Choice, Strict, Text, Time, rfc3339
from app.rest.native.schemas.shown import Document, Shown, list_of, time_or_none
from app.services.access import USER_ROLES


class OrganizationIn(Strict):
    name = Text(limits.MAX_JOB_NAME, required=True)


class OrganizationShown(Shown):
    id = fields.UUID()
    name = fields.String()
    createdAt = Time()

    @staticmethod
    def show(value: Organization) -> Document:
        return {"id": value.id, "name": value.name, "createdAt": rfc3339(value.created_at_us)}


OrganizationList = list_of(OrganizationShown)


class AdminTokenIn(Strict):
    name = Text(limits.MAX_JOB_NAME, required=True)


class UserIn(Strict):
    name = Text(limits.MAX_JOB_NAME, required=True)
    role = Choice(USER_ROLES, load_default="member")


class UserChange(Strict):
    name = Text(limits.MAX_JOB_NAME)
    role = Choice(USER_ROLES)


class UserShown(Shown):
    id = fields.UUID()
    orgId = fields.UUID()
    name = fields.String()
    role = fields.String()
    createdAt = Time()
    revokedAt = Time(allow_none=True)
    issuer = fields.String(allow_none=True, metadata={"description": "The identity provider that he comes in through."})
    subject = fields.String(allow_none=True, metadata={"description": "Who he is there."})

    @staticmethod
    def show(value: User) -> Document:
        return {
            "id": value.id,
            "orgId": value.org_id,
            "name": value.name,
            "role": value.role,
            "createdAt": rfc3339(value.created_at_us),
            "revokedAt": time_or_none(value.revoked_at_us),
            "issuer": value.issuer,
            "subject": value.subject,
        }


UserList = list_of(UserShown)


class EntryShown(Shown):
    """One thing that somebody did, or tried to."""

    seq = fields.Integer()
    time = Time()
    who = fields.String()
    tokenId = fields.String(metadata={"description": "Of a refused login: what it claimed to be."})
    address = fields.String()
    method = fields.String()
    route = fields.String()
    resourceId = fields.String(metadata={"description": "What was made or changed, where that is one thing."})
    status = fields.Integer()
    requestId = fields.String()

    @staticmethod
    def show(value: Entry) -> Document:
        return {
            "seq": value.seq,
            "time": rfc3339(value.at_us),
            "who": value.who,
            "tokenId": value.token_id,
            "address": value.address,
            "method": value.method,
            "route": value.route,
            "resourceId": value.resource_id,
            "status": value.status,
            "requestId": value.request_id,
        }


EntryList = list_of(EntryShown)
