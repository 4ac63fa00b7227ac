"""The caller's saved views of the list of jobs."""

from collections.abc import Mapping
from typing import Any

from app.ports.views import SavedView
from app.rest import auth
from app.rest.context import core, who
from app.rest.native.blueprint import NativeBlueprint
from app.rest.native.schemas.queries import PageQuery
from app.rest.native.schemas.views import ViewIn, ViewShown
from app.rest.paging import Listing, cut
from app.services import views

routes = NativeBlueprint("views", __name__, description="Filters of the list of jobs, saved under a name")

OWN = auth.scope(views.SCOPE)


@routes.get("/v1/views")
@OWN
@routes.arguments(PageQuery, location="query")
@routes.listing(ViewShown)
def list_views(asked: Mapping[str, Any]) -> Listing[SavedView]:
    """The caller's own saved views, by name"""
    return cut(asked, views.listing(core(), who()))


@routes.post("/v1/views")
@OWN
@routes.arguments(ViewIn)
@routes.response(201, ViewShown)
def save_view(view: Mapping[str, Any]) -> SavedView:
    """Save a view for oneself; one of the same name is replaced"""
    filters = {name: str(value) for name, value in view["filters"].items()}
    return views.save(core(), who(), view["name"], filters)


@routes.delete("/v1/views/<id:view_id>")
@OWN
@routes.response(204)
def delete_view(view_id: str) -> None:
    """Delete one of one's own saved views"""
    views.delete(core(), who(), view_id)
