"""Durations, sizes and tables as people read them."""

import pytest

from app.cli.output import Column, cell, duration, show_list, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0.40s"), (12.2, "12s"), (59.6, "1m 00s"), (185, "3m 05s"), (3725, "1h 02m"), (273600, "3d 04h")],
)
def test_durations_are_as_long_as_they_need_be(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(12, "12 B"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (3 << 30, "3.0 GiB")])
def test_sizes_are_in_binary_units(count: int, text: str) -> None:
    assert size(count) == text


def test_a_cell_is_one_line_without_control_characters() -> None:
    assert cell("a\x1b[31mb\nc\x00") == "a [31mb c "


def test_columns_line_up_and_have_no_colours_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    columns = (Column(title="state", value=lambda row: row[0]), Column(title="n", value=lambda row: row[1], right=True))
    show_list([("succeeded", 1), ("failed", 100)], columns, "table", empty="")
    assert capsys.readouterr().out == "STATE        N\nsucceeded    1\nfailed     100\n"


def test_an_empty_table_says_so_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_list([], (), "table", empty="no jobs")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "no jobs\n")
