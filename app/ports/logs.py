"""The store's logs: what runs have said, line by line, each kept once and never changed.

Part of `store.py`. A line has two numbers: that of the node, by which a repeat is known, and its place in the run's
log, from 1 in the order of arrival and without gaps, which is what people see. Lines that a run told by itself have no
number of the node (0) and are never taken for a repeat.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from app.ports.records import Page, StoredLine

STREAMS: Final = ("stdout", "stderr", "system")
LEVELS: Final = ("debug", "info", "warning", "error")
"""Each is graver than the one before."""
FAR: Final = (1 << 62) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesWanted:
    """Lines of a job, a task or a run, exactly one of which is given; all else that is given must hold.

    `after` is the `seq` to go on behind, `first` and `last` are places in a run's log. `text` is found anywhere in a
    line. With `newest_first` all goes backwards: `after` is then what to go on before. Whatever is found, no more than
    about `look_at` lines are looked at.
    """

    job_seq: int | None = None
    task_seq: int | None = None
    run_id: str | None = None
    after: int | None = None
    first: int = 1
    last: int = FAR
    streams: frozenset[str] = frozenset()
    level: str = LEVELS[0]
    text: str = ""
    match_case: bool = False
    newest_first: bool = False
    limit: int
    look_at: int = FAR


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesFound:
    """`looked` is the `seq` up to which all has been looked at, where more may follow; None at the end."""

    lines: Sequence[StoredLine]
    looked: int | None = None


def levels_from(level: str) -> frozenset[str]:
    """This one and graver ones."""
    return frozenset(LEVELS[LEVELS.index(level) :])


def grave(level: str) -> str:
    """What is of no known level counts as the usual one."""
    return level if level in LEVELS else "info"


def known_stream(stream: str) -> str:
    """What is of no known stream counts as said by the node."""
    return stream if stream in STREAMS else "system"


class LogReads(Protocol):
    def find_lines(self, wanted: LinesWanted) -> LinesFound:
        """In order of arrival."""

    def lines(
        self, page: Page, *, job_seq: int | None = None, task_seq: int | None = None, run_id: str | None = None
    ) -> Sequence[StoredLine]:
        """`find_lines` without conditions; the key is (seq,)."""

    def log_length(self, run_id: str) -> int:
        """How many lines the run's log has: the place of the last one."""

    def said_bytes(self, run_ids: Collection[str]) -> Mapping[tuple[str, str], int]:
        """Bytes of the lines of these runs, each with its end, by run id and stream; none of streams without lines."""


class LogWrites(Protocol):
    def add_lines(self, lines: Sequence[StoredLine]) -> None:
        """`seq` and `place` are ignored and given by the store; a line of a run that is there already is ignored."""
