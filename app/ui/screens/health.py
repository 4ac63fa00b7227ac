"""S14, health: is each part well, which versions are these, and where does each setting come from?"""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from flask import Blueprint, Response

from app.services import query
from app.ui import guard, pages
from app.ui.context import core, ui, who

routes = Blueprint("health_page", __name__)

_LIBRARIES: Final = ("celery", "kombu", "redis", "flask", "waitress", "SQLAlchemy", "orjson", "cryptography")
_FLEET: Final = "nodes:admin"
"""Who administers the fleet may see how the installation is set up."""


@routes.get("/health")
@guard.needs("jobs:read")
def show() -> Response:
    checks = ui().ways.checks()
    unwell = [name for name, outcome in checks.items() if outcome != "ok"]
    versions = sorted({view.node.version for view in query.nodes(core(), who()) if not view.node.offline})
    return pages.page(
        "health.html",
        title="Health" if not unwell else f"{', '.join(unwell)} away · Health",
        active="health",
        state="failed" if unwell else "succeeded" if checks else "",
        checks=checks,
        unwell=unwell,
        settings=ui().ways.settings if _FLEET in who().scopes else None,
        libraries={name: found for name in _LIBRARIES if (found := _version(name))},
        python=platform.python_version(),
        node_versions=versions,
        clockwork=core().clockwork,
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
