"""How a job becomes chords.

1. A Celery chord is a header of tasks and one body that runs when all of the header is done. A DAG is exactly a set
   of chords that share headers: each task with `needs` is the body of one chord whose header is those needs
   (`plan`). A task without needs has no chord; it is ready at once.
2. Submit (`app/services/submit.py`) writes each chord and its parts, one part a header task, in the transaction
   that writes the job.
3. A header task ends on some node. Its report comes to `app/services/record.py`, which returns its part to every chord
   that has it in its header, in the transaction that records the report: a part counts once by (chord, index), so a
   report that comes twice changes nothing.
4. Each touched chord is judged (`judge`): wait for more parts, release the body, or skip it. What was skipped is
   itself an unsuccessful part of the chords below it, and so on down.
5. A released body is `ready`; `app/services/release.py` offers it by a message that holds its run's id, however large
   the DAG. On the other end stands `worker/intake.py`.

A literal Celery chord uses the same counter: `app/adapters/celery_chords.py` is the result backend that puts it there.
Series, diamonds, shared headers and joins 10,000 wide are one case here, and none is special.
"""

from collections.abc import Sequence
from enum import Enum, StrEnum

from msgspec import Struct


class RunWhen(StrEnum):
    """Under which endings of its header a body runs."""

    ALL_SUCCEEDED = "all_succeeded"
    ALL_DONE = "all_done"
    ANY_FAILED = "any_failed"


class Verdict(Enum):
    WAIT = "wait"
    RELEASE = "release"
    SKIP = "skip"


class Chord(Struct, frozen=True, kw_only=True, gc=False):
    """Positions in the job: the body, and its header in the order of its needs."""

    body: int
    header: tuple[int, ...]


class Count(Struct, frozen=True, kw_only=True, gc=False):
    """How many of a chord's `size` parts are in. Failed, canceled and skipped ones are unsuccessful."""

    size: int
    succeeded: int = 0
    unsuccessful: int = 0

    @property
    def complete(self) -> bool:
        return self.succeeded + self.unsuccessful == self.size


def plan(needs: Sequence[Sequence[int]]) -> list[Chord]:
    """One chord for each task that has needs; `needs[i]` are the positions task i waits for."""
    return [Chord(body=body, header=tuple(header)) for body, header in enumerate(needs) if header]


def judge(run_when: RunWhen, count: Count) -> Verdict:
    """What becomes of the body. `all_succeeded` is skipped at the first unsuccessful part, as Celery's ChordError
    closes a chord; the others wait for the whole header.
    """
    if run_when is RunWhen.ALL_SUCCEEDED:
        if count.unsuccessful:
            return Verdict.SKIP
        return Verdict.RELEASE if count.complete else Verdict.WAIT
    if not count.complete:
        return Verdict.WAIT
    if run_when is RunWhen.ANY_FAILED and not count.unsuccessful:
        return Verdict.SKIP
    return Verdict.RELEASE
