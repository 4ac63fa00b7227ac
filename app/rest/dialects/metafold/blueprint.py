"""The decorators of this dialect: those of every surface, numbers as ids, and what all its answers have in common."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import orjson
from flask import Response

from app.rest.blueprint import SurfaceBlueprint
from app.rest.dialects.metafold import dates

NOTHING: Final = 0
"""A number that nothing has."""

_LONGEST = 18


class MetafoldBlueprint(SurfaceBlueprint):
    INVALID: ClassVar[int] = 400

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.after_request(_vary)


def number(text: str) -> int:
    """An id of a path. What is no number becomes one that nothing has, so that all wrong ids are answered alike."""
    plain = text.isascii() and text.isdigit() and len(text) <= _LONGEST and not text.startswith("0")
    return int(text) if plain else NOTHING


def answer(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, mimetype="application/json")


def _vary(response: Response) -> Response:
    response.headers.update(dates.VARY)
    return response
