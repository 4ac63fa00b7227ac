"""To which API does a node belong, and as whom does it speak? By its settings; else as it once joined.

What it was given for a join token is kept in the folder, with the API's address, so that a later start needs neither.
"""

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from worker.api_client import Api, AwayError, RefusedError, UntrustedError
from worker.host import Home, HostError

log = logging.getLogger(__name__)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
SHOWN = len("fl_12345678")
"""So much of a token is its name; the rest is secret."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class IncompatibleApiError(HostError):
    """The API does not serve the protocol that this node speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """As the settings have it; empty where they say nothing. `needs_broker`: it has to be told the broker's address."""

    server_url: str
    node_token: str = ""
    join_token: str = ""
    ca_file: str = ""
    needs_broker: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """`token` is empty where the API asks for none."""

    server_url: str
    token: str


def membership(home: Home, wanted: Wanted) -> Membership:
    """Waits for an API that is away. Raises HostError when it cannot be found, is not trusted, or refuses."""
    path = home.folder / "token"
    kept = _read(path)
    server_url = wanted.server_url or kept.get("server", "")
    if not server_url:
        raise HostError(
            "which API this node belongs to is not known: `flotilla node --join URL --token TOKEN` joins with a token "
            "of `flotilla tokens join`, or set FLOTILLA_SERVER_URL"
        )
    if wanted.node_token:
        return Membership(server_url=server_url, token=wanted.node_token)
    if not wanted.join_token or kept.get("joined") == wanted.join_token[:SHOWN]:
        return Membership(server_url=server_url, token=kept.get("token", ""))
    if server_url.startswith("http:") and (urlsplit(server_url).hostname or "") not in LOOPBACK:
        log.warning("%s is not encrypted: who sees the network sees this node's token", server_url)
    given = _join(Api(server_url, wanted.join_token, wanted.ca_file), home.node_id, wanted.needs_broker)
    _write(path, {"joined": wanted.join_token[:SHOWN], "token": given, "server": server_url})
    return Membership(server_url=server_url, token=given)


def _join(api: Api, node_id: str, needs_broker: bool) -> str:
    pause_s = FIRST_PAUSE_S
    try:
        while True:
            try:
                return api.join(node_id, needs_broker=needs_broker)
            except UntrustedError as untrusted:
                raise HostError(str(untrusted)) from None
            except AwayError as away:
                log.warning("cannot join yet: %s", away)
            time.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 1.3)
    except RefusedError as refused:
        if refused.incompatible:
            raise IncompatibleApiError(f"{api.url} refuses this node: {refused.detail}") from None
        again = "" if refused.status == 409 else "; make a new one with `flotilla tokens join`"
        raise HostError(f"{api.url} refused the join token: {refused.detail}{again}") from None
    finally:
        api.close()


def _read(path: Path) -> dict[str, str]:
    try:
        kept = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(path: Path, kept: dict[str, str]) -> None:
    """Whole or not there: the join token is used up."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(kept))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
