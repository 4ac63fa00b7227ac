"""Projects and tokens of the caller's organization."""

from collections.abc import Mapping
from typing import Any

from app.domain.errors import Invalid, Problem
from app.ports.records import Project, Token
from app.rest import auth
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.account import Issued, NewToken, ProjectIn, ProjectShown, TokenIn, TokenShown
from app.rest.native.schemas.queries import PageQuery
from app.rest.paging import Listing, cut
from app.services import access, control, query

routes = NativeBlueprint("account", __name__, description="Projects and tokens")

READ, WRITE, ADMIN = auth.scope("jobs:read"), auth.scope("jobs:write"), auth.scope("org:admin")


@routes.get("/v1/projects")
@READ
@routes.arguments(PageQuery, location="query")
@routes.listing(ProjectShown)
def list_projects(asked: Mapping[str, Any]) -> Listing[Project]:
    """All projects; the first one is the default"""
    return cut(asked, query.projects(core(), who()))


@routes.post("/v1/projects")
@WRITE
@routes.arguments(ProjectIn)
@routes.response(201, ProjectShown)
def create_project(project: Mapping[str, Any]) -> Project:
    """Make a project"""
    return control.create_project(core(), who(), project["name"])


@routes.get("/v1/tokens")
@ADMIN
@routes.arguments(PageQuery, location="query")
@routes.listing(TokenShown)
def list_tokens(asked: Mapping[str, Any]) -> Listing[Token]:
    """All tokens, without their secrets"""
    return cut(asked, query.tokens(core(), who()))


@routes.post("/v1/tokens")
@ADMIN
@routes.arguments(TokenIn)
@routes.response(201, NewToken)
def create_token(token: Mapping[str, Any]) -> Issued:
    """Make a token; its text is answered this once"""
    allowed = access.SCOPES[token["role"]]
    wanted = token.get("scopes")
    if wanted is not None and (beyond := [scope for scope in wanted if scope not in allowed]):
        detail = f"the role {token['role']} has not {', '.join(beyond)}; it has {', '.join(allowed)}"
        raise Invalid([Problem("/scopes", detail)])
    made, text = access.create_token(
        core(),
        org_id=who().org_id,
        name=token["name"],
        role=token["role"],
        scopes=None if wanted is None else tuple(wanted),
        expires_s=token.get("expires_s"),
    )
    return Issued(token=made, text=text)


@routes.delete("/v1/tokens/<key:token_id>")
@ADMIN
@routes.response(204)
def revoke_token(token_id: str) -> None:
    """Revoke a token; it is refused within seconds"""
    control.revoke_token(core(), who(), token_id)
