"""S13, the API documentation, read without internet: a page for each surface, from its OpenAPI text."""

from functools import lru_cache
from typing import Final

from flask import Blueprint, Response, request

from app.domain.errors import NotFound
from app.ui import guard, pages
from app.ui.context import ui
from app.ui.manual import Subject, subjects

routes = Blueprint("docs", __name__)

NATIVE: Final = "native"
_KEPT: Final = 16


@routes.get("/docs")
@guard.needs("jobs:read")
def show_first() -> Response:
    return _show(NATIVE)


@routes.get("/docs/<surface>")
@guard.needs("jobs:read")
def show_surface(surface: str) -> Response:
    return _show(surface)


def _show(surface: str) -> Response:
    texts = ui().ways.texts()
    if surface not in texts:
        raise NotFound(f"there is no such surface; there are {', '.join(texts)}")
    info = texts[surface].get("info", {})
    return pages.page(
        "docs.html",
        title=f"API: {info.get('title', surface)}",
        active="docs",
        surface=surface,
        about=str(info.get("description", "")).split("\n\n"),
        titles={name: text.get("info", {}).get("title", name) for name, text in texts.items()},
        subjects=_subjects(surface, request.host_url.rstrip("/")),
    )


@lru_cache(maxsize=_KEPT)
def _subjects(surface: str, origin: str) -> list[Subject]:
    """Texts do not change while the process lives."""
    return subjects(ui().ways.texts()[surface], origin)
