"""How is a picture of lines kept up to date? On a terminal it is painted over, elsewhere one follows the other."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.live import Live

NARROWEST = 60


def size() -> tuple[int, int]:
    """Columns and lines of the terminal; off a terminal as much as one likes to read."""
    found = shutil.get_terminal_size((120, 50))
    return max(found.columns, NARROWEST), found.lines


class Screen:
    """`whole` takes all of the terminal and gives it back at the end; else what was painted last stays."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._live: Live | None = None

    def __enter__(self) -> "Screen":
        if sys.stdout.isatty():
            from rich.console import Console
            from rich.live import Live

            # stdout stays itself: what stands in for it has no encoding, and glyphs ask for that.
            self._live = Live(
                console=Console(highlight=False), screen=self._whole, auto_refresh=False, redirect_stdout=False
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def paint(self, lines: Sequence[str]) -> None:
        if self._live is None:
            click.echo("\n".join(lines) + "\n")
            return
        from rich.text import Text

        shown = lines[: size()[1] - 1]
        self._live.update(Text.from_ansi("\n".join(shown), no_wrap=True, overflow="crop"), refresh=True)


def keep_painting(look: Callable[[], Sequence[str]], interval_s: float) -> None:
    """Until Ctrl-C, which is the way to leave."""
    try:
        with Screen(whole=True) as screen:
            while True:
                screen.paint(look())
                time.sleep(interval_s)
    except KeyboardInterrupt:
        return
