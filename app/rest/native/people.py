"""Organizations, who belongs to them, and who did what. A caller sees his own organization; the installation's own
administrator makes new ones.
"""

from collections.abc import Mapping
from typing import Any

from app.ports.people import Entry, Organization, User
from app.rest import auth, repeats
from app.rest.context import core, trail, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.account import Issued, NewToken
from app.rest.native.schemas.people import (
    AdminTokenIn,
    EntryShown,
    OrganizationIn,
    OrganizationShown,
    UserChange,
    UserIn,
    UserShown,
)
from app.rest.native.schemas.queries import PageQuery
from app.rest.paging import Listing, cut, window
from app.services import access, audit, organizations

routes = NativeBlueprint("people", __name__, description="Organizations, their users, and the audit log")

ADMIN, SYSTEM = auth.scope("org:admin"), auth.scope(access.SYSTEM)


@routes.get("/v1/organizations")
@SYSTEM
@routes.arguments(PageQuery, location="query")
@routes.listing(OrganizationShown)
def list_organizations(asked: Mapping[str, Any]) -> Listing[Organization]:
    """All organizations, oldest first"""
    return cut(asked, organizations.listing(core(), who()))


@routes.post("/v1/organizations")
@SYSTEM
@routes.arguments(OrganizationIn)
@routes.response(201, OrganizationShown)
def create_organization(organization: Mapping[str, Any]) -> Organization:
    """Make an organization; a token of its own administers it"""
    return organizations.create(core(), who(), organization["name"])


@routes.post("/v1/organizations/<id:org_id>/tokens")
@SYSTEM
@repeats.sealed
@routes.arguments(AdminTokenIn)
@routes.response(201, NewToken)
def create_admin_token(token: Mapping[str, Any], org_id: str) -> Issued:
    """Make a token of the role admin in an organization; its text is answered this once"""
    made, text = organizations.admin_token(core(), who(), org_id, token["name"])
    return Issued(token=made, text=text)


@routes.get("/v1/users")
@ADMIN
@routes.arguments(PageQuery, location="query")
@routes.listing(UserShown)
def list_users(asked: Mapping[str, Any]) -> Listing[User]:
    """All users of the organization, oldest first"""
    return cut(asked, organizations.users(core(), who()))


@routes.post("/v1/users")
@ADMIN
@routes.arguments(UserIn)
@routes.response(201, UserShown)
def create_user(user: Mapping[str, Any]) -> User:
    """Make a user; POST /v1/tokens with userId gives tokens to him"""
    return organizations.create_user(core(), who(), user["name"], user["role"])


@routes.patch("/v1/users/<id:user_id>")
@ADMIN
@routes.arguments(UserChange)
@routes.response(200, UserShown)
def change_user(change: Mapping[str, Any], user_id: str) -> User:
    """Change a user's name or role; his tokens follow within seconds"""
    return organizations.change_user(core(), who(), user_id, **change)


@routes.delete("/v1/users/<id:user_id>")
@ADMIN
@routes.response(204)
def revoke_user(user_id: str) -> None:
    """Revoke a user; his tokens are refused within seconds"""
    organizations.revoke_user(core(), who(), user_id)


@routes.get("/v1/audit")
@ADMIN
@routes.arguments(PageQuery, location="query")
@routes.listing(EntryShown)
def list_audit(asked: Mapping[str, Any]) -> Listing[Entry]:
    """Who changed what, and refused logins; newest first"""
    trail().flush()
    return window(asked, lambda page: audit.listing(core(), who(), page), key=lambda entry: (entry.seq,))
