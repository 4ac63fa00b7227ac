"""The secrets of an organization: names, who set them and when; set, replaced and deleted here, and never shown."""

from flask import Blueprint, Response, g, request

from app.domain.errors import FlotillaError
from app.services import secrets
from app.ui import guard, pages
from app.ui.context import core, ui, who

routes = Blueprint("secrets", __name__)


@routes.get("/secrets")
@guard.needs(secrets.ADMIN)
def list_secrets() -> Response:
    return _show()


@routes.post("/ui/secrets")
@guard.needs(secrets.ADMIN)
def put_secret() -> Response:
    """What is wrong is said without the value: the page never has it."""
    name = request.form.get("name", "").strip()
    try:
        made = secrets.put(core(), who(), name, _value(request.form.get("value", "")))
    except FlotillaError as refusal:
        told = ui().ways.explain(refusal)
        return _show(wrong=told.detail, name=name[:200], status=told.status)
    g.about = name
    done = "Stored" if made.created_at_us == made.changed_at_us else "Replaced"
    return pages.back("/secrets", f"{done} {name}. Runs that start from now on get it.")


@routes.post("/ui/secrets/<name>/delete")
@guard.needs(secrets.ADMIN)
def delete_secret(name: str) -> Response:
    secrets.delete(core(), who(), name)
    return pages.back("/secrets", f"Deleted {name}.")


def _value(typed: str) -> str:
    """Browsers send every line end as two characters; the last one is how a text ends and not part of it."""
    return typed.replace("\r\n", "\n").removesuffix("\n")


def _show(wrong: str = "", name: str = "", status: int = 200) -> Response:
    return pages.page(
        "secrets.html",
        title="Secrets",
        active="secrets",
        status=status,
        secrets=secrets.listing(core(), who()),
        has_key=core().vault is not None,
        wrong=wrong,
        name=name,
    )
