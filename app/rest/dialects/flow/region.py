"""Which region is this? One, and a request that names another one fails."""

from typing import Any, Final

from flask import current_app, request

from app.rest.problems import BadParameters

SETTING: Final = "FLOTILLA_REGION"
HEADER: Final = "region"
PARAMETER: Final[dict[str, Any]] = {
    "in": "header",
    "name": HEADER,
    "schema": {"type": "string"},
    "description": "Must be this installation's region, or absent.",
}


def name() -> str:
    return str(current_app.config[SETTING])


def check() -> None:
    """Raises BadParameters."""
    wanted = request.headers.get(HEADER)
    if wanted is not None and wanted.casefold() != name().casefold():
        raise BadParameters({HEADER: f"this installation is the region {name()}; send that, or no region"})
