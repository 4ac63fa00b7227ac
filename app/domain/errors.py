"""Everything that can go wrong in words the caller understands; `app/rest/problems.py` maps each to a status.

FlotillaError
  Invalid            the input has wrong content, with a pointer to each place
  Malformed          the input cannot be read at all
  NotFound           no such thing, or not the caller's to see
  Unauthorized       no token, or not a good one
  Forbidden          a good token that may not do this
  Conflict           the thing is in a state that does not allow it
    Incompatible     a node speaks a form of the protocol that is not served
  Outdated           the thing was changed since the caller read it
  TooLarge           over a limit of size
  TooMany            over a limit of requests; try again later
  Unavailable        a part is away for now; try again
  IllegalTransition  a bug: an event that its state does not allow
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong place: an RFC 6901 pointer into the request's body, and what is wrong and allowed there."""

    pointer: str
    detail: str


class FlotillaError(Exception):
    """Base of all. The message is for the caller."""


class Invalid(FlotillaError):
    def __init__(self, problems: list[Problem], total: int | None = None) -> None:
        self.problems = problems
        self.total = len(problems) if total is None else total
        super().__init__(problems[0].detail if problems else "invalid")


class Malformed(FlotillaError):
    pass


class NotFound(FlotillaError):
    pass


class Unauthorized(FlotillaError):
    pass


class Forbidden(FlotillaError):
    pass


class Conflict(FlotillaError):
    pass


class Incompatible(Conflict):
    pass


class Outdated(FlotillaError):
    pass


class TooLarge(FlotillaError):
    pass


class Unavailable(FlotillaError):
    """`retry_after_s` is the hint for the caller's next try."""

    def __init__(self, message: str, retry_after_s: int = 2) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooMany(FlotillaError):
    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class IllegalTransition(FlotillaError):
    def __init__(self, what: str, state: str, event: str) -> None:
        super().__init__(f"a {what} that is {state} cannot {event}")
