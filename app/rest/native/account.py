"""Projects and tokens of the caller's organization."""

from collections.abc import Mapping
from typing import Any

from app.ports.records import Project, Token
from app.rest import auth, repeats
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.account import Issued, NewToken, ProjectIn, ProjectShown, TokenIn, TokenShown
from app.rest.native.schemas.queries import PageQuery
from app.rest.paging import Listing, cut
from app.services import control, query, tokens

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
    return cut(asked, tokens.listing(core(), who()))


@routes.post("/v1/tokens")
@ADMIN
@repeats.sealed
@routes.arguments(TokenIn)
@routes.response(201, NewToken)
def create_token(token: Mapping[str, Any]) -> Issued:
    """Make a token; its text is answered this once"""
    wanted = token.get("scopes")
    user_id = token.get("user_id")
    made, text = tokens.create(
        core(),
        who(),
        name=token["name"],
        role=token.get("role"),
        scopes=None if wanted is None else tuple(wanted),
        expires_s=token.get("expires_s"),
        user_id=str(user_id) if user_id else None,
    )
    return Issued(token=made, text=text)


@routes.post("/v1/tokens/<key:token_id>/rotate")
@ADMIN
@repeats.sealed
@routes.response(200, NewToken)
def rotate_token(token_id: str) -> Issued:
    """Give a token a new text, answered this once; the old one is refused within seconds"""
    made, text = tokens.rotate(core(), who(), token_id)
    return Issued(token=made, text=text)


@routes.delete("/v1/tokens/<key:token_id>")
@ADMIN
@routes.response(204)
def revoke_token(token_id: str) -> None:
    """Revoke a token; it is refused within seconds"""
    tokens.revoke(core(), who(), token_id)
