"""The native API's decorators: those of every surface, POSTs that are done once a key, and lists."""

from functools import wraps
from typing import Any

from app.domain import limits
from app.rest import paging, repeats
from app.rest.blueprint import Decorator, SurfaceBlueprint, View
from app.rest.native.schemas.shown import Shown, list_of

_KEY = {
    "in": "header",
    "name": repeats.HEADER,
    "schema": {"type": "string", "minLength": 1, "maxLength": limits.MAX_IDEMPOTENCY_KEY},
    "description": "A repeat with the same key and body within a day is answered as the first was, and done once.",
}


class NativeBlueprint(SurfaceBlueprint):
    def post(self, rule: str, **options: Any) -> Decorator:
        """Takes `Idempotency-Key`."""
        register: Decorator = super().post(rule, **options)
        described = self.header(_KEY)
        return lambda view: register(described(repeats.once(view)))

    def listing(self, item: type[Shown]) -> Decorator:
        """The view answers with a `paging.Listing` of what `item` shows."""

        def decorate(view: View) -> View:
            @wraps(view)
            def linked(*args: Any, **kwargs: Any) -> Any:
                listing = view(*args, **kwargs)
                return listing, paging.links(listing.next_cursor)

            return self.response(200, list_of(item))(linked)

        return decorate
