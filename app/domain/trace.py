"""Trace contexts as in W3C Trace Context: which trace does something belong to, and what in it caused it?

Ids of spans are made from the ids of what they are about, so that nobody need remember them and a span that is told of
twice is one span.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

HEADER: Final = "traceparent"
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_FIRST: Final = "00"
_NONE: Final = "ff"
_LONGEST: Final = 512
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`span` is the one that causes what comes next. `sampled`: whoever began the trace wants it recorded."""

    trace: str
    span: str
    flags: int = _SAMPLED

    @property
    def sampled(self) -> bool:
        return bool(self.flags & _SAMPLED)

    def within(self, span: str) -> "Context":
        """What is caused by another span of the same trace."""
        return Context(trace=self.trace, span=span, flags=self.flags)

    def __str__(self) -> str:
        return f"{_FIRST}-{self.trace}-{self.span}-{self.flags:02x}"


def read(text: str) -> Context | None:
    """None for what is no trace context: as the standard wants it, the sender is not told. A version that comes after
    the first one is read as far as the first one goes.
    """
    found = _FORM.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == _NONE or (more and version == _FIRST) or not trace.strip("0") or not span.strip("0"):
        return None
    return Context(trace=trace, span=span, flags=int(flags, 16))


def span_of(kind: str, id_: str) -> str:
    """The id of the span of a job, task or run."""
    return hashlib.sha256(f"{kind} {id_}".encode()).hexdigest()[:16]
