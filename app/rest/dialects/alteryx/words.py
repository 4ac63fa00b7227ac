"""Which word stands here for a state, a priority, a time or a file's format, and what does a word mean?"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final

from app.rest.native.fields import rfc3339
from app.wire.states import JobState

QUEUED: Final = "Queued"
UNDECIDED: Final = "None"

STATUS: Final[Mapping[JobState, str]] = {
    JobState.PENDING: QUEUED,
    JobState.PAUSED: QUEUED,
    JobState.RUNNING: "Running",
    JobState.SUCCEEDED: "Completed",
    JobState.FAILED: "Completed",
    JobState.CANCELED: "Cancelled",
}
DISPOSITION: Final[Mapping[JobState, str]] = {
    JobState.PENDING: UNDECIDED,
    JobState.PAUSED: UNDECIDED,
    JobState.RUNNING: UNDECIDED,
    JobState.SUCCEEDED: "Success",
    JobState.FAILED: "Error",
    JobState.CANCELED: "Cancelled",
}
FILTERS: Final = ("Created", "Queued", "Running", "Completed", "Cancelled", "Error")
"""Statuses that clients ask for. No job is ever shown as Created or Error: these match nothing."""

PRIORITIES: Final[Mapping[str, int | None]] = {"Default": None, "Low": 25, "Medium": 60, "High": 75, "Critical": 100}
"""Default is whatever the saved job has, which is 50 where nobody has said more."""

_FROM: Final = ((100, "Critical"), (75, "High"), (60, "Medium"), (50, "Default"))

INFORMATION, WARNING, ERROR = 1, 2, 3

RAW: Final = "Raw"
FORMATS: Final = (
    *(RAW, "Yxdb", "Shp", "Kml", "Tab", "Mif", "Dbf"),
    *("Csv", "Pdf", "Docx", "Xlsx", "Html", "Tde", "Zip"),
)


def priority(number: int) -> str:
    return next((word for least, word in _FROM if number >= least), "Low")


def states(status: str | None, result_code: str | None) -> frozenset[JobState] | None:
    """Those that are shown by these two words; None is every state."""
    if status is None and result_code is None:
        return None
    return frozenset(
        state for state in JobState if status in (None, STATUS[state]) and result_code in (None, DISPOSITION[state])
    )


def time(at_us: int) -> str:
    """In milliseconds, as in `2024-09-19T10:02:54.589Z`."""
    return rfc3339(at_us)[:-4] + "Z"


def micros(text: str) -> int | None:
    """The other way round, for ISO 8601 of any kind; without a zone it is UTC. None when it is no time."""
    try:
        read = datetime.fromisoformat(text)
        return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        return None


def formats(filename: str) -> list[str]:
    """What the file is: nothing is converted. Raw is the file whatever it is."""
    known = {each.lower(): each for each in FORMATS}
    own = known.get(PurePosixPath(filename).suffix.removeprefix(".").lower())
    return [own, RAW] if own and own != RAW else [RAW]
