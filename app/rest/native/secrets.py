"""Secrets of the caller's organization: they are written and named here, and never read."""

from collections.abc import Mapping
from typing import Any

from app.ports.secrets import Secret
from app.rest import auth
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.queries import PageQuery
from app.rest.native.schemas.secrets import SecretIn, SecretNameShown
from app.rest.paging import Listing, cut
from app.services import secrets

routes = NativeBlueprint("secrets", __name__, description="Values that tasks refer to and nobody sees")

ADMIN = auth.scope(secrets.ADMIN)


@routes.get("/v1/secrets")
@ADMIN
@routes.arguments(PageQuery, location="query")
@routes.listing(SecretNameShown)
def list_secrets(asked: Mapping[str, Any]) -> Listing[Secret]:
    """All secrets by name, without their values"""
    return cut(asked, secrets.listing(core(), who()))


@routes.put("/v1/secrets/<name>")
@ADMIN
@routes.arguments(SecretIn)
@routes.response(200, SecretNameShown)
def put_secret(secret: Mapping[str, Any], name: str) -> Secret:
    """Store a secret, or give it another value; runs that start from now on get that"""
    return secrets.put(core(), who(), name, secret["value"])


@routes.delete("/v1/secrets/<name>")
@ADMIN
@routes.response(204)
def delete_secret(name: str) -> None:
    """Delete a secret; tasks that refer to it fail when they are to start"""
    secrets.delete(core(), who(), name)
