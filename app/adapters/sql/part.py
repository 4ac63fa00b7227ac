"""What the store's parts, one a noun, have in common: the transaction they speak in, and a few small readings."""

from typing import Any, Protocol

from app.adapters.sql.session import Session
from app.wire.report import Failure

FIRST = -(1 << 62)
LAST = 1 << 62
"""Below and above every number that is a page's key."""

FAILURE = ("failure_code", "failure_message")


class Part:
    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def now_us(self) -> int:
        return self._session.now_us


class _Failing(Protocol):
    @property
    def failure(self) -> Failure | None: ...


def failure_row(value: _Failing) -> tuple[str | None, str | None]:
    """As FAILURE names them."""
    failure = value.failure
    return (failure.code, failure.message) if failure else (None, None)


def failure_of(code: Any, message: Any) -> Failure | None:
    return None if code is None else Failure(code=code, message=message)
