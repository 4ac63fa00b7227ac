"""What one check saw, and what to do where it is not well."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`well` is None for what works and could be better, and for what could not be looked at."""

    what: str
    well: bool | None
    saw: str
    remedy: str = ""
