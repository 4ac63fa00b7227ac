"""S11, attention: everything that waits for somebody, worst first, each with its reason and what would change it."""

from flask import Blueprint, Response

from app.services.attention import attention
from app.ui import guard, pages, words
from app.ui.context import core, who
from app.ui.screens.fleet import why_gone

routes = Blueprint("attention", __name__)


@routes.get("/attention")
@guard.needs("jobs:read")
def show() -> Response:
    seen = attention(core(), who())
    lists = (seen.waiting, seen.nodes, seen.slow, seen.large, seen.silent, seen.tried, seen.crashed)
    return pages.page(
        "attention.html",
        title=f"{words.plural(seen.urgent, 'thing')} · Attention" if seen.urgent else "Attention",
        active="attention",
        state="failed" if seen.urgent else "",
        seen=seen,
        is_calm=not any(lists),
        why_gone=why_gone,
    )
