"""One surface's decorators: flask-smorest's, with our way of reading a request.

The native API and each dialect have a blueprint class of their own on top of this one.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import wraps
from typing import Any, ClassVar, NoReturn

from flask import Request
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser

from app.domain import limits
from app.domain.errors import Invalid
from app.rest import body, problems
from app.rest.problems import BadParameters

View = Callable[..., Any]
Decorator = Callable[[View], View]


class Parser(FlaskParser):
    """Reads by `app.rest.body`; raises what `app.rest.problems` explains. A schema's `most_bytes` is its own limit."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"json": None, "query": None}  # noqa: RUF012 (as its base)

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[type[Schema], Schema] = {}

    def _get_schema(self, argmap: Any, req: Request) -> Schema:
        """One of each class for all requests: to make one costs as much as to read a small body with it, and loading
        leaves nothing in it.
        """
        if not (isinstance(argmap, type) and issubclass(argmap, Schema)):
            return super()._get_schema(argmap, req)
        made = self._made.get(argmap)
        if made is None:
            made = self._made[argmap] = argmap()
        return made

    def load_json(self, req: Request, schema: Schema) -> Any:
        optional = not any(field.required for field in schema.fields.values())
        most = getattr(schema, "most_bytes", limits.MAX_BODY_BYTES)
        return body.read_json(req, most, may_be_absent=optional)

    def load_querystring(self, req: Request, schema: Schema) -> Mapping[str, Any]:
        lists = {field.data_key or name for name, field in schema.fields.items() if isinstance(field, fields.List)}
        given: dict[str, Any] = {}
        for name, values in req.args.lists():
            if len(values) > 1 and name not in lists:
                raise BadParameters({name[:100]: "is given more than once"})
            given[name] = values if name in lists else values[0]
        return given

    def handle_error(self, error: ValidationError, req: Request, schema: Schema, **_: Any) -> NoReturn:
        messages = problems.messages(error)
        if "json" in messages:
            raise Invalid(problems.places(messages["json"]))
        found = problems.places(messages.get("query", messages))
        raise BadParameters({one.pointer.removeprefix("/").partition("/")[0][:100]: one.detail for one in found})


class SurfaceBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest ships no types
    """`INVALID` is what a well-formed body with wrong content is answered with, for the OpenAPI text."""

    ARGUMENTS_PARSER = Parser()
    INVALID: ClassVar[int] = 422

    get: Callable[..., Decorator]
    post: Callable[..., Decorator]
    put: Callable[..., Decorator]
    patch: Callable[..., Decorator]
    delete: Callable[..., Decorator]
    response: Callable[..., Decorator]
    alt_response: Callable[..., Decorator]
    doc: Callable[..., Decorator]

    def arguments(self, schema: type[Schema], *, location: str = "json", **kwargs: Any) -> Decorator:
        """As flask-smorest's. What is wrong in a query is 400."""
        status = self.INVALID if location == "json" else 400
        made: Decorator = super().arguments(schema, location=location, error_status_code=status, **kwargs)
        return made

    @staticmethod
    def header(described: Mapping[str, Any]) -> Decorator:
        """The text has this header, too; reading it is the view's business."""

        def decorate(view: View) -> View:
            @wraps(view)
            def same(*args: Any, **kwargs: Any) -> Any:
                return view(*args, **kwargs)

            same._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]  # flask-smorest's notes
            notes = same._apidoc.setdefault("arguments", {"parameters": [], "responses": {}})  # type: ignore[attr-defined]
            notes.setdefault("parameters", []).append({"in": "header", **described})
            return same

        return decorate
