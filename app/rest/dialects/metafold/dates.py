"""How is a time written? As the document has it, or as the published Python client reads it: by who asks."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from flask import Request, request

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CLIENT = re.compile(r"Python/\d+(\.\w+)*", re.ASCII)
ASKED_FOR: Final = "application/json; dates=rfc1123"

VARY: Final = {"Vary": "User-Agent, Accept"}


def is_rfc1123(asked: Request) -> bool:
    """`Python/3.11.7` and nothing more is the client; other libraries say more than that. Or it is asked for."""
    return _reads_rfc1123(asked.headers.get("User-Agent", ""), asked.headers.get("Accept", ""))


@lru_cache(maxsize=64)
def _reads_rfc1123(agent: str, accept: str) -> bool:
    return _CLIENT.fullmatch(agent) is not None or accept.replace(" ", "") == ASKED_FOR.replace(" ", "")


def shown(at_us: int) -> str:
    """In whole seconds, for the request that is being answered."""
    at = _EPOCH + timedelta(seconds=at_us // 1_000_000)
    return format_datetime(at, usegmt=True) if is_rfc1123(request) else at.isoformat()


def shown_or_none(at_us: int | None) -> str | None:
    return None if at_us is None else shown(at_us)
