"""What does the server say? HTTP with JSON, and every refusal as a Failure of the right kind.

Requests that change something carry an Idempotency-Key, so that one that got no answer is simply said again.
"""

import os
import time
import uuid
from collections.abc import Iterator
from typing import Any, BinaryIO

import requests

from app.cli import profile
from app.cli.failures import Failure, NotAllowed, NotFound, ServerAway, Usage
from app.cli.profile import Profile

Json = Any  # a JSON value as the server sent it

TIMEOUT_S = (5, 60)  # to connect, to answer
FILE_TIMEOUT_S = (5, 3600)  # it answers when all of the file is safe
PIECE = 1 << 20
PAUSES_S = (0.2, 0.5)  # before saying it again
LONG_PAUSES_S = (0.2, 0.5, 1, 2, 4)
"""To a server that has answered before: it is being started again."""
PAGE = 1000


class Client:
    def __init__(self, profile: Profile) -> None:
        self.url = profile.url
        self._met = False
        self._session = requests.Session()
        self._session.trust_env = False  # a netrc would replace the token, a proxy cannot reach this machine
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        if profile.token:
            self._session.headers["Authorization"] = f"Bearer {profile.token}"

    def get(self, path: str, **query: object) -> Json:
        return self._ask("GET", path, query, None)

    def post(self, path: str, body: Json = None, *, key: str | None = None, **query: object) -> Json:
        """`key` is the Idempotency-Key, a new one where none is given."""
        return self._ask("POST", path, query, {} if body is None else body, key)

    def patch(self, path: str, body: Json) -> Json:
        return self._ask("PATCH", path, {}, body)

    def put(self, path: str, body: Json) -> Json:
        return self._ask("PUT", path, {}, body)

    def delete(self, path: str) -> Json:
        return self._ask("DELETE", path, {}, None)

    def put_file(self, path: str, file: BinaryIO) -> str:
        """The file as the body; the answer's ETag."""
        answer = self._send("PUT", path, data=file, timeout=FILE_TIMEOUT_S)
        _content(answer)
        return str(answer.headers.get("ETag", ""))

    def fetch(self, path: str) -> Iterator[bytes]:
        """The body of an answer that is no JSON, piece by piece. Raises ServerAway when it is cut off."""
        with self._send("GET", path, stream=True, timeout=FILE_TIMEOUT_S) as answer:
            if not answer.ok:
                _content(answer)
            try:
                yield from answer.iter_content(PIECE)
            except requests.RequestException as error:
                raise ServerAway(f"{self.url}{path} was cut off: {error}", "try again") from None

    def items(self, path: str, limit: int | None = None, **query: object) -> Iterator[Json]:
        """The items of a list over its pages, at most `limit`."""
        left = limit
        while left is None or left > 0:
            page = self.get(path, **query, limit=PAGE if left is None else min(PAGE, left))
            yield from page["items"]
            left = None if left is None else left - len(page["items"])
            if not page.get("nextCursor"):
                return
            query["cursor"] = page["nextCursor"]

    def _ask(self, method: str, path: str, query: dict[str, object], body: Json, key: str | None = None) -> Json:
        headers = {} if body is None else {"Idempotency-Key": key or str(uuid.uuid4())}
        asked = {key: value for key, value in query.items() if value is not None}
        for pause_s in (*(LONG_PAUSES_S if self._met else PAUSES_S), None):
            try:
                content = _content(self._send(method, path, params=asked, json=body, headers=headers))
                self._met = True
                return content
            except ServerAway:
                if pause_s is None:
                    raise
            time.sleep(pause_s)
        raise AssertionError("the last pass returns or raises")

    def _send(self, method: str, path: str, **parts: Any) -> requests.Response:  # Any: as requests takes them
        try:
            return self._session.request(method, self.url + path, **{"timeout": TIMEOUT_S, **parts})
        except requests.ConnectionError:
            raise ServerAway(f"no server at {self.url}", "start one with `flotilla up`, or set FLOTILLA_URL") from None
        except requests.RequestException as error:
            raise ServerAway(f"{self.url}{path}: {error}", "see FLOTILLA_URL, and `flotilla doctor`") from None


def connect() -> Client:
    """To the server of the environment or the profile."""
    return Client(profile.load(os.environ))


def _content(answer: requests.Response) -> Json:
    if answer.status_code == 204:
        return None
    try:
        content = answer.json()
    except ValueError:
        what = f"{answer.url} answered {answer.status_code} and no JSON"
        raise ServerAway(what, "is FLOTILLA_URL the address of a Flotilla server?") from None
    if answer.ok:
        return content
    raise _refusal(answer.status_code, content if isinstance(content, dict) else {})


def _refusal(status: int, problem: dict[str, Any]) -> Failure:
    what = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
    for error in problem.get("errors") or ():
        what += f"\n  {error.get('pointer', '')}: {error.get('detail', '')}"
    if status == 401:
        return NotAllowed(what, "set FLOTILLA_TOKEN, or use the profile that `flotilla up` wrote")
    if status == 403:
        return NotAllowed(what, "use a token with that scope: `flotilla token create`")
    if status == 404:
        return NotFound(what)
    return ServerAway(what, "see `flotilla doctor`") if status >= 500 else Usage(what)
