"""The OpenAPI 3.1 text of one surface: flask-smorest's from the schemas, plus the routes that have none."""

import re
from http import HTTPStatus
from typing import Any, Final

from flask import Flask
from flask_smorest import Api
from marshmallow import Schema
from werkzeug.routing import Rule

from app.rest import auth
from app.rest.auth import GuardedFlask

ERROR: Final = "Problem"
"""The name of each text's schema and answer for errors."""

_JSON: Final = "application/json"
_PARAMETER: Final = re.compile(r"<(?:\w+:)?(\w+)>")

Text = dict[str, Any]  # JSON


class TextApi(Api):  # type: ignore[misc]  # flask-smorest ships no types
    """flask-smorest for documents only: errors are answered by `app.rest.problems`."""

    DEFAULT_ERROR_RESPONSE_NAME = ERROR

    def __init__(self, app: Flask, *, name: str, error: type[Schema], error_type: str, **kwargs: Any) -> None:
        self._error, self._error_type = error, error_type
        super().__init__(app, config_prefix=f"{name.upper()}_", **kwargs)

    def _register_error_handlers(self) -> None:
        pass

    def _register_responses(self) -> None:
        self.spec.components.schema(ERROR, schema=self._error)
        content = {self._error_type: {"schema": {"$ref": f"#/components/schemas/{ERROR}"}}}
        for name in (ERROR, HTTPStatus(400).name, HTTPStatus(422).name):
            self.spec.components.response(name, {"description": "An error", "content": content})


def open_api(
    app: Flask, *, name: str, title: str, version: str, text: str, error: type[Schema], error_type: str
) -> TextApi:
    prefix = name.upper()
    app.config.update(
        {f"{prefix}_API_TITLE": title, f"{prefix}_API_VERSION": version, f"{prefix}_OPENAPI_VERSION": "3.1.0"}
    )
    api = TextApi(app, name=name, error=error, error_type=error_type, spec_kwargs={"info": {"description": text}})
    api.ma_plugin.converter.add_attribute_function(_one_of)
    return api


def _one_of(converter: Any, field: Any, **kwargs: Any) -> Text:  # Any: apispec's converter, a field of marshmallow
    return (
        {"oneOf": [converter.resolve_nested_schema(kind) for kind in getattr(field, "kinds", ())]}
        if hasattr(field, "kinds")
        else {}
    )


def write(app: GuardedFlask, api: TextApi, parts: frozenset[str], plain: frozenset[str]) -> Text:
    """Once the routes of the surface are registered. `plain` are those of its blueprints that have no schemas."""
    text: Text = api.spec.to_dict()
    text.setdefault("components", {})["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
    for rule in app.url_map.iter_rules():
        blueprint = rule.endpoint.rpartition(".")[0]
        if blueprint not in parts | plain:
            continue
        path = text["paths"].setdefault(_PARAMETER.sub(r"{\1}", rule.rule), {})
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            if blueprint in plain:
                path[method.lower()] = _plain(app, rule)
            if operation := path.get(method.lower()):
                operation["operationId"] = rule.endpoint.rpartition(".")[2]
                scope = app.scopes[rule.endpoint]
                operation["security"] = [] if scope == auth.PUBLIC else [{"bearer": [scope]}]
    return text


def _plain(app: Flask, rule: Rule) -> Text:
    blueprint, _, _ = rule.endpoint.partition(".")
    view = app.view_functions[rule.endpoint]
    media_type = getattr(view, "answers", "")
    shown: Text = {media_type or _JSON: {"schema": {"type": "string" if media_type else "object"}}}
    operation: Text = {
        "summary": (view.__doc__ or "").partition("\n")[0],
        "tags": [blueprint],
        "responses": {
            "200": {"description": "OK", "content": shown},
            "default": {"$ref": f"#/components/responses/{ERROR}"},
        },
        "parameters": [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(rule.rule)
        ],
    }
    if "POST" in (rule.methods or ()):
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return operation
