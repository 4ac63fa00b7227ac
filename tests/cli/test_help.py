"""The words of --help are kept in help/: a change of the command line shows in a review.

To renew the files: python -m tests.cli.test_help
"""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.cli.main import COMMANDS, flotilla

FOLDER = Path(__file__).parent / "help"
WIDTH = {"COLUMNS": "100"}


def pages() -> dict[str, str]:
    """The page of every command and of every command's commands, by its name."""
    words: list[tuple[str, ...]] = [()]
    for name in COMMANDS:
        command = flotilla.get_command(click.Context(flotilla), name)
        words += [(name,), *((name, inner) for inner in getattr(command, "commands", ()))]
    return {"-".join(call) or "flotilla": _help(call) for call in words}


def _help(call: tuple[str, ...]) -> str:
    done = CliRunner(env=WIDTH).invoke(flotilla, [*call, "--help"], prog_name="flotilla", terminal_width=100)
    assert done.exit_code == 0
    return done.output


def test_help_is_as_kept() -> None:
    kept = {path.stem: path.read_text() for path in FOLDER.glob("*.txt")}
    assert pages() == kept


def test_the_overview_says_what_exit_codes_mean() -> None:
    for code in ("0", "1", "2", "3", "4", "5", "124"):
        assert f"\n    {code}  " in pages()["flotilla"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_page_of_its_own(name: str) -> None:
    assert pages()[name].startswith(f"Usage: flotilla {name}")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for name, text in pages().items():
        (FOLDER / f"{name}.txt").write_text(text)
