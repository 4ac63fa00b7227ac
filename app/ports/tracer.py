"""Where spans go: what began and ended when, and what caused it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The ids are those of `app/domain/trace.py`: a span that is told of twice is one span. `failed`: what went wrong.
    `serves`: somebody outside asked for it.
    """

    name: str
    trace: str
    span: str
    parent: str | None
    start_us: int
    end_us: int
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    failed: str | None = None
    serves: bool = False


class Tracer(Protocol):
    def tell(self, spans: Sequence[Span]) -> None:
        """Neither waits nor raises: they are sent later, and are lost when nobody takes them."""

    def close(self) -> None:
        """What was told before has been sent, or given up."""
