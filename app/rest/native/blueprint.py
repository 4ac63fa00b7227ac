"""The native API's decorators: those of every surface, and the native way of showing a list."""

from functools import wraps
from typing import Any

from app.rest import paging
from app.rest.blueprint import Decorator, SurfaceBlueprint, View
from app.rest.native.schemas.shown import Shown, list_of


class NativeBlueprint(SurfaceBlueprint):
    def listing(self, item: type[Shown]) -> Decorator:
        """The view answers with a `paging.Listing` of what `item` shows."""

        def decorate(view: View) -> View:
            @wraps(view)
            def linked(*args: Any, **kwargs: Any) -> Any:
                listing = view(*args, **kwargs)
                return listing, paging.links(listing.next_cursor)

            return self.response(200, list_of(item))(linked)

        return decorate
