"""What all answered documents have in common, and what more than one noun shows."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from marshmallow import Schema, fields

from app.rest.native.fields import rfc3339
from app.rest.paging import Listing
from app.wire import report
from app.wire.resources import Resources

Document = dict[str, Any]  # a JSON object on its way out


class Shown(Schema):
    """A document that is answered. The fields are for the OpenAPI text; `show` makes the document from the value, by
    hand because a page has a thousand of them. A test holds the two together.
    """

    @staticmethod
    def show(value: Any) -> Document:
        raise NotImplementedError

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        return [self.show(each) for each in obj] if self.many or many else self.show(obj)


class Pages(Shown):
    """One window of a list; made by `list_of`."""

    item: ClassVar[type[Shown]]

    def dump(self, obj: Listing[Any], *, many: bool | None = None) -> Document:
        page: Document = {"items": [self.item.show(value) for value in obj.items]}
        if obj.next_cursor is not None:
            page["nextCursor"] = obj.next_cursor
        return page


@cache
def list_of(item: type[Shown]) -> type[Pages]:
    members = {
        "item": item,
        "items": fields.List(fields.Nested(item), required=True),
        "nextCursor": fields.String(metadata={"description": "For the query parameter cursor; absent at the end."}),
    }
    return type(item.__name__.removesuffix("Shown") + "List", (Pages,), members)


class FailureShown(Shown):
    code = fields.String(metadata={"description": "For programs."})
    message = fields.String(metadata={"description": "For people."})


class AmountShown(Shown):
    cpu = fields.Float(metadata={"description": "Cores."})
    memory = fields.Integer(metadata={"description": "MB; 1 MB is 2^20 bytes."})


class CountsShown(Shown):
    """Tasks by state."""

    waiting = fields.Integer()
    ready = fields.Integer()
    queued = fields.Integer()
    running = fields.Integer()
    succeeded = fields.Integer()
    failed = fields.Integer()
    canceled = fields.Integer()
    skipped = fields.Integer()


class ProblemShown(Shown):
    """RFC 9457."""

    type = fields.String()
    title = fields.String()
    status = fields.Integer()
    detail = fields.String()
    errors = fields.List(
        fields.Dict(keys=fields.String(), values=fields.String()),
        metadata={"description": "Each wrong place: `pointer` into the body or `parameter`, and `detail`."},
    )


def time_or_none(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)


def failure(value: report.Failure | None) -> Document | None:
    return None if value is None else {"code": value.code, "message": value.message}


def amount(value: Resources) -> Document:
    cores, rest = divmod(value.cpu_milli, 1000)
    return {"cpu": value.cpu_milli / 1000 if rest else cores, "memory": value.memory_mib}


def counts(value: Mapping[Any, int]) -> Document:
    return {name: value.get(name, 0) for name in CountsShown._declared_fields}
