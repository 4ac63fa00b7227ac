"""What is asked of an identity provider over HTTP: answers of bounded size and time, over TLS that is verified, and no
redirect is followed. Its address is the operator's own setting, so that it may well be a private one.
"""

from io import BytesIO
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import requests
from requests.adapters import HTTPAdapter

from app.domain.errors import Unavailable

MOST_BYTES: Final = 1 << 20
_TIMES_S: Final = (5.0, 10.0)
"""To connect, and between two pieces of an answer."""


class Bounded(HTTPAdapter):
    """For a session of requests: reads an answer at once, as far as it may be long."""

    def send(self, request: requests.PreparedRequest, **given: Any) -> requests.Response:  # type: ignore[override]
        answer = super().send(request, **{**given, "stream": True, "timeout": _TIMES_S})
        try:
            body = answer.raw.read(MOST_BYTES + 1, decode_content=True)
        finally:
            answer.close()
        if len(body) > MOST_BYTES:
            raise requests.exceptions.ContentDecodingError(f"more than {MOST_BYTES} bytes")
        answer.raw = BytesIO(body)
        return answer


def bounded(session: requests.Session) -> requests.Session:
    for scheme in ("https://", "http://"):
        session.mount(scheme, Bounded())
    return session


def read_json(url: str) -> dict[str, Any]:
    """Raises Unavailable, whatever is wrong with the answer: it is not the caller's fault."""
    host = urlsplit(url).hostname
    try:
        with bounded(requests.Session()) as session:
            answer = session.get(url, headers={"Accept": "application/json"}, allow_redirects=False)
            found = orjson.loads(answer.content) if answer.status_code == 200 else None
    except (requests.RequestException, OSError):
        raise away(url) from None
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable(f"the identity provider {host} answered {answer.status_code}, and not as it should, at {url}")
    return found


def away(url: str) -> Unavailable:
    return Unavailable(f"the identity provider {urlsplit(url).hostname} does not answer; try again in a moment")
