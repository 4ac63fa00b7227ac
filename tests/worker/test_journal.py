"""A run's news since its last report: what the node says for a while does not stay, and what the program said does."""

import pytest

from app.wire.report import Report
from app.wire.states import RunState
from tests.worker.fake_api import make_spec
from worker.api_client import Clock
from worker.journal import RunJournal
from worker.outcome import Outcome


@pytest.fixture
def journal() -> RunJournal:
    return RunJournal(make_spec("r", None), Clock(now_us=0, received=0.0), lambda journal: None)


def told(journal: RunJournal) -> str | None:
    report = journal.news()
    assert report is not None
    return report.status_text


def ended(journal: RunJournal) -> Report:
    return journal.ending(Outcome(state=RunState.SUCCEEDED, ended=1.0), 0)


def test_a_transfer_that_nobody_saw_leaves_no_status(journal: RunJournal) -> None:
    journal.passing("fetching a")
    journal.passing("")
    assert journal.news() is None
    assert ended(journal).status_text is None


def test_a_transfer_that_was_seen_is_taken_back(journal: RunJournal) -> None:
    journal.passing("fetching a")
    assert told(journal) == "fetching a"
    journal.passing("")
    assert told(journal) == ""
    assert journal.news() is None


def test_after_a_transfer_stands_what_the_program_said_last(journal: RunJournal) -> None:
    journal.status("half")
    assert told(journal) == "half"
    journal.status("done")
    journal.passing("storing a")
    assert told(journal) == "storing a"
    journal.passing("storing a 50 %")
    journal.passing("")
    assert ended(journal).status_text == "done"
