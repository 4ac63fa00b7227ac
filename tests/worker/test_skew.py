"""How far a clock is off is known as well as the exchange allows, and said once."""

import logging

import pytest

from worker.skew import Skew

NOW_S = 1_800_000_000.0
NOW_US = int(NOW_S * 1_000_000)


@pytest.mark.parametrize(("ahead_s", "warns"), [(0.0, False), (4.5, False), (6.0, True), (-3600.0, True)])
def test_the_middle_of_the_exchange_is_compared(ahead_s: float, warns: bool, caplog: pytest.LogCaptureFixture) -> None:
    skew = Skew()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            skew.note(NOW_S + ahead_s - 0.1, NOW_S + ahead_s + 0.1, NOW_US)
    assert skew.milliseconds == round(ahead_s * 1000)
    assert len(caplog.records) == int(warns)
    assert not warns or ("ahead" if ahead_s > 0 else "behind") in caplog.text


def test_an_exchange_that_was_slow_or_saw_the_clock_stepped_tells_nothing() -> None:
    skew = Skew()
    skew.note(NOW_S, NOW_S + 30, NOW_US)
    skew.note(NOW_S, NOW_S - 1, NOW_US)
    assert skew.milliseconds is None


def test_what_the_exchange_may_be_wrong_by_is_no_reason_to_warn(caplog: pytest.LogCaptureFixture) -> None:
    Skew().note(NOW_S + 4.8, NOW_S + 6.4, NOW_US)
    assert not caplog.records
