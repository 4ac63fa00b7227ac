"""The decorators of this dialect: those of every surface, its way of showing a list, and the region's check."""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ClassVar

from flask import Response, jsonify
from marshmallow import fields

from app.rest.blueprint import Decorator, SurfaceBlueprint, View
from app.rest.dialects.flow import pages, region
from app.rest.native.schemas.shown import Document, Shown

BY_CALLER = {"Vary": "User-Agent, Accept"}


class FlowBlueprint(SurfaceBlueprint):
    INVALID: ClassVar[int] = 400

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.before_request(region.check)

    def route(self, rule: str, *args: Any, **kwargs: Any) -> Decorator:
        """As flask-smorest's; each of them has the header `region`."""
        made: Callable[..., Decorator] = super().route
        return made(rule, *args, parameters=[region.PARAMETER, *kwargs.pop("parameters", ())], **kwargs)

    def listing(self, item: type[Shown]) -> Decorator:
        """The view answers with a `pages.Window` of what `item` shows."""

        def decorate(view: View) -> View:
            @wraps(view)
            def paged(*args: Any, **kwargs: Any) -> Response:
                answer = jsonify(page_of(item).show(view(*args, **kwargs)))
                answer.headers.update(BY_CALLER)
                return answer

            return self.response(200, page_of(item))(paged)

        return decorate


class PaginationShown(Shown):
    limit = fields.Integer(required=True)
    totalResults = fields.Integer(required=True, metadata={"description": "As counted for the first page."})
    nextUrl = fields.String(
        metadata={
            "description": "Used as it is. Only when there is more. A caller whose User-Agent begins with axios/ gets "
            "a path from the root, everybody else an absolute address."
        }
    )


class PageShown(Shown):
    """Made by `page_of`."""

    item: ClassVar[type[Shown]]

    @classmethod
    def show(cls, value: "pages.Window[Any]") -> Document:
        pagination: Document = {"limit": pages.LIMIT, "totalResults": value.total}
        if value.next_url is not None:
            pagination["nextUrl"] = value.next_url
        return {"pagination": pagination, "results": [cls.item.show(each) for each in value.items]}


@cache
def page_of(item: type[Shown]) -> type[PageShown]:
    members = {
        "item": item,
        "pagination": fields.Nested(PaginationShown, required=True),
        "results": fields.List(fields.Nested(item), required=True),
    }
    return type(item.__name__.removesuffix("Shown") + "Page", (PageShown,), members)
