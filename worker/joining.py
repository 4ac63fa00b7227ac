"""How does a node come by its token? By its settings; else from its folder; else, once, for a join token.

What it was given for a join token is kept in the folder, so that the same settings serve for every later start.
"""

import logging
import os
import time
from pathlib import Path

import orjson

from worker.api_client import Api, AwayError, RefusedError
from worker.host import Home, HostError

log = logging.getLogger(__name__)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
SHOWN = len("fl_12345678")
"""So much of a token is its name; the rest is secret."""


def token(home: Home, *, server_url: str, node_token: str, join_token: str) -> str:
    """Waits for an API that is away. Raises HostError when the join token is refused."""
    if node_token or not join_token:
        return node_token
    path = home.folder / "token"
    kept = _read(path)
    if kept.get("joined") == join_token[:SHOWN]:
        return kept["token"]
    given = _join(Api(server_url, join_token), home.node_id)
    _write(path, {"joined": join_token[:SHOWN], "token": given})
    return given


def _join(api: Api, node_id: str) -> str:
    pause_s = FIRST_PAUSE_S
    try:
        while True:
            try:
                return api.join(node_id)
            except AwayError as away:
                log.warning("cannot join yet: %s", away)
            time.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 1.3)
    except RefusedError as refused:
        raise HostError(
            f"FLOTILLA_JOIN_TOKEN was refused: {refused}; make a new one with `flotilla token join`"
        ) from None
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
