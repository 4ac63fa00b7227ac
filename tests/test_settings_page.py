"""`deploy/settings.md` is made from the two tables of settings; this compares.

To renew it: python -m tests.test_settings_page
"""

import socket
from collections.abc import Iterable
from pathlib import Path

from app.config import TABLE as SERVERS
from worker.config import TABLE as NODES

PAGE = Path(__file__).resolve().parents[1] / "deploy" / "settings.md"
HEAD = """\
# Settings

Made from `app/config.py` and `worker/config.py` (`python -m tests.test_settings_page`). All are environment variables;
an empty one is one that is not set. A setting marked with * may be given as `KEY_FILE`, the path of a file that holds
the value.

Commands talk to the server of `FLOTILLA_URL` with the token of `FLOTILLA_TOKEN`. `TMPDIR` is where a web process keeps
what is coming in.
"""


def page() -> str:
    servers = [(f"`{one.key}`{' *' if one.secret else ''}", one.default, one.unit) for one in SERVERS]
    nodes = [(f"`{one.variable}`", _portable(one.default), one.about) for one in NODES]
    return "\n".join([HEAD, "## Web and engine", "", *_table(servers), "", "## Node", "", *_table(nodes), ""])


def _table(rows: Iterable[tuple[str, str | None, str]]) -> list[str]:
    lines = [
        f"| {key} | {'must be set' if default is None else f'`{default}`' if default else ''} | {_cell(text)} |"
        for key, default, text in rows
    ]
    return ["| setting | default | |", "|---|---|---|", *lines]


def _portable(default: str | None) -> str | None:
    return "the host's name" if default == socket.gethostname() else default


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def test_the_page_says_what_the_tables_say() -> None:
    assert PAGE.read_text() == page(), "renew it: python -m tests.test_settings_page"


def test_no_setting_is_missing_or_twice() -> None:
    for table in (page().partition("## Node")[0], page().partition("## Node")[2]):
        keys = [line.split("`")[1] for line in table.splitlines() if line.startswith("| `")]
        assert len(keys) == len(set(keys)) > 20


if __name__ == "__main__":
    PAGE.write_text(page())
