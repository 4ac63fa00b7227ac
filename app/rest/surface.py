"""A surface: one API with addresses, a form of errors, a way to carry the token and an OpenAPI text of its own.

The native API is one and each dialect is one. What is the same for all of them is here, what differs is a field.
"""

from collections.abc import Callable
from dataclasses import dataclass

import orjson
from flask import Response
from marshmallow import Schema

from app.rest import auth, openapi, problems
from app.rest.auth import GuardedFlask
from app.rest.blueprint import SurfaceBlueprint

TEXTS = "flotilla.texts"
"""The application's extension that has the OpenAPI text of each surface by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """`name` is that of its text, `/openapi/<name>.json`, and of the setting that switches it off.

    `prefixes` are the beginnings of its addresses, `render` shows an error there and `reader` finds the token in a
    request; without prefixes the native ways hold. `plain` are blueprints that have no schemas.
    """

    name: str
    title: str
    text: str
    parts: tuple[SurfaceBlueprint, ...]
    error: type[Schema]
    error_type: str = "application/json"
    prefixes: tuple[str, ...] = ()
    render: problems.Renderer | None = None
    reader: auth.Reader = auth.bearer
    plain: tuple[str, ...] = ()


def install(app: GuardedFlask, surface: Surface, version: str) -> None:
    """After the plain routes that its text describes as well."""
    for prefix in surface.prefixes:
        auth.read_by(app, prefix, surface.reader)
        if surface.render is not None:
            problems.speak(app, prefix, surface.render)
    api = openapi.open_api(
        app,
        name=surface.name,
        title=surface.title,
        version=version,
        text=surface.text,
        error=surface.error,
        error_type=surface.error_type,
    )
    for part in surface.parts:
        api.register_blueprint(part)
    parts = frozenset(part.name for part in surface.parts)
    written = openapi.write(app, api, parts, frozenset(surface.plain))
    app.extensions.setdefault(TEXTS, {})[surface.name] = written
    text = orjson.dumps(written)
    app.add_url_rule(f"/openapi/{surface.name}.json", f"openapi_{surface.name}", _shower(text))


def _shower(text: bytes) -> Callable[[], Response]:
    @auth.scope(auth.PUBLIC)
    def show() -> Response:
        return Response(text, mimetype="application/json")

    return show
