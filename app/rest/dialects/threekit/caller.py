"""Who asks, and how? The token of the header or of the query, and whether the published client is asking.

A token in the query is taken out of it as soon as it is read, so that nothing that logs an address, or makes a link of
it, has it. `SWITCH` of the application's configuration switches such tokens off.
"""

from typing import Final
from urllib.parse import unquote_plus

from flask import Request, Response, current_app, g, request

from app.domain.errors import Forbidden, Malformed, Unauthorized
from app.rest.auth import bearer
from app.rest.context import who

SWITCH: Final = "FLOTILLA_QUERY_TOKENS"
PARAMETER: Final = "bearer_token"
_AXIOS: Final = "axios/"
_AXIOS_ACCEPT: Final = "application/json, text/plain, */*"


def token(request: Request) -> str | None:
    """The header's, else the query's. Raises Unauthorized, Malformed."""
    given = request.args.getlist(PARAMETER)
    if given:
        _scrub(request)
        g.threekit_query = True
    g.threekit_sent = bool(given) or "Authorization" in request.headers
    header = bearer(request)
    if header is not None or not given:
        return header
    if len(given) > 1:
        raise Malformed(f"{PARAMETER} is given more than once")
    if not current_app.config.get(SWITCH, True):
        raise Unauthorized("tokens in the query are switched off here: send Authorization: Bearer and the token")
    if not given[0]:
        raise Unauthorized(f"{PARAMETER} is empty")
    return given[0]


def _scrub(request: Request) -> None:
    parts = request.query_string.decode("latin-1").split("&")
    kept = "&".join(part for part in parts if unquote_plus(part.partition("=")[0]) != PARAMETER)
    request.environ["QUERY_STRING"] = kept
    request.query_string = kept.encode("latin-1")
    for name in ("args", "url", "full_path"):  # made of the old one already
        request.__dict__.pop(name, None)


def sent_token() -> bool:
    """Whether there was one, good or not; for the errors of the request under way."""
    return bool(g.get("threekit_sent", False))


def is_published_client() -> bool:
    """Whether a single job is wanted as an object with its runs, and not as the document's array of one."""
    headers = request.headers
    return (
        headers.get("User-Agent", "").startswith(_AXIOS)
        or bool(g.get("threekit_query", False))
        or headers.get("Accept") == _AXIOS_ACCEPT
    )


def varied(response: Response) -> Response:
    """An answer whose form depends on who asks."""
    response.headers["Vary"] = "User-Agent, Accept"
    return response


def check_org(given: str | None) -> None:
    """Raises Forbidden for another organization than the caller's own."""
    if given is not None and given.lower() != who().org_id:
        raise Forbidden("orgId is not the organization of this token")
