"""An error as a page: what, why, what to do, the request's id, and the API's own words.

Who has not logged in is sent to do so, and comes back to where he was.
"""

from urllib.parse import urlencode

import orjson
import structlog
from flask import Flask, Response, redirect, request

from app.ui import pages
from app.ui.context import ui
from app.ui.ways import Told

log = structlog.get_logger(__name__)

_REMEDIES = {
    400: "Check the address; begin again from the page before.",
    403: "Ask whoever runs this installation for a token that may do this, or log in with another one.",
    404: "It may have been deleted, or belong to another organization. Check the address.",
    405: "Use the buttons of the page.",
    409: "Go back, load the page again, and see how it stands now.",
    412: "Go back, load the page again, and see how it stands now.",
    429: "Wait a moment, then load the page again.",
    503: "The page tries again by itself; if this goes on, see the logs of the web process.",
}
_LATER = "Load the page again; if it goes on, tell whoever runs this installation, with the request's id."


def answer(error: Exception) -> Response:
    """For every error of a view of the dashboard."""
    ways = ui().ways
    told = ways.explain(error)
    if told.status == 500:
        log.error("fault", path=request.path, exc_info=error)
    if not _wants_page():
        return problem(told)
    if told.status == 401 and request.method == "GET":
        return redirect("/login?" + urlencode({"next": request.full_path.rstrip("?")}), 303)  # type: ignore[return-value]
    return show(told)


def problem(told: Told) -> Response:
    """For a script or a program, as the API tells it."""
    body = {"type": "about:blank", "title": told.title, "status": told.status, "detail": told.detail}
    return Response(orjson.dumps(body), told.status, dict(told.headers), mimetype="application/problem+json")


def show(told: Told) -> Response:
    response = pages.page(
        "fault.html",
        title=told.title,
        state="failed",
        status=told.status,
        told=told,
        remedy=_REMEDIES.get(told.status, _LATER),
    )
    for name, value in told.headers.items():
        if name in ("Retry-After", "Allow"):
            response.headers[name] = value
    return response


def _wants_page() -> bool:
    """Browsers say that they want HTML; programs and our own scripts do not."""
    asked = request.accept_mimetypes
    return asked["text/html"] > asked["application/json"]


def install(app: Flask) -> None:
    """An address that nothing has is told to a browser as a page; programs are told by the application."""

    def tell(response: Response) -> Response:
        error = request.routing_exception
        if error is None or response.status_code != 404 or request.method != "GET" or not _wants_page():
            return response
        page = pages.finish(show(ui().ways.explain(error)))
        response.headers.clear()
        response.headers.extend(page.headers)
        response.set_data(page.get_data())
        return response

    app.after_request(tell)
