"""Usage is read from the kernel: of the whole tree, and never an error when a process vanishes."""

import subprocess
import sys

import psutil
import pytest

from tests.wait import wait_until
from worker import meter


def test_the_whole_tree_is_counted() -> None:
    text = "import subprocess, sys; subprocess.run(['sleep', '60'])"
    process = subprocess.Popen([sys.executable, "-S", "-c", text])
    try:
        # A child that has not come to its program yet is a copy of its parent, and as large.
        wait_until(lambda: [psutil.Process(pid).name() for pid in meter.descendants(process.pid)] == ["sleep"])
        seen = meter.look([process.pid, *meter.descendants(process.pid)])
        assert seen.processes == 2
        assert seen.current_rss == pytest.approx(
            sum(
                each.memory_info().rss
                for each in (psutil.Process(process.pid), *psutil.Process(process.pid).children())
            ),
            rel=0.5,
        )
        assert seen.read_bytes > 0
    finally:
        for child in meter.descendants(process.pid):
            psutil.Process(child).kill()
        process.wait()


def test_a_process_that_is_gone_counts_nothing() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert meter.look([process.pid]).processes == 0
    assert meter.descendants(process.pid) == []
    assert meter.disk(process.pid) == (0, 0)


def test_peaks_only_rise_and_cross_a_pipe_unchanged() -> None:
    tally, low, high = meter.Tally(), meter.Tally(), meter.Tally()
    high.peak_rss = high.current_rss = 10
    low.peak_rss = low.current_rss = 4
    tally.fold(high)
    tally.fold(low)
    assert (tally.peak_rss, tally.current_rss) == (10, 4)
    assert meter.Tally.from_list(tally.as_list()).as_list() == tally.as_list()


def test_samples_are_dense_at_first_and_thin_later() -> None:
    spacing = meter.Spacing()
    dues = []
    for _ in range(400):
        dues.append(spacing.due)
        spacing.taken()
    assert dues[0] == pytest.approx(0.2)
    assert dues[1] == pytest.approx(1.2)
    assert dues[-1] - dues[-2] == 8
