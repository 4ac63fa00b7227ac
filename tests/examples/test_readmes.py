"""The commands of each example's README, letter by letter, on a copy of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.fleet import Fleet
from tests.examples.conftest import search_path
from tests.examples.running import FOLDER, picture

COMMAND = re.compile(r"^    \$ (.*)$", re.M)
LONGEST_S = 120


@pytest.mark.timeout(2 * LONGEST_S)
@pytest.mark.parametrize(
    ("example", "left"),
    [
        ("animation", {"animation.png"}),
        ("mesh", {"report.png"}),
        ("text", {"chart.png", "words.csv", "totals.json", "parts.jsonl"}),
    ],
)
def test_the_commands_work_as_written(fleet: Fleet, tmp_path: Path, example: str, left: set[str]) -> None:
    copy = tmp_path / "tests" / "examples" / example
    shutil.copytree(FOLDER / example, copy)
    fewer_frames(copy / "job.json")
    activate = tmp_path / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    commands = COMMAND.findall((FOLDER / example / "README.md").read_text())
    assert commands[0] == f". {activate.relative_to(tmp_path)}"
    environ = {**fleet.cli_environ(), "PATH": search_path()}
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in (copy / "out").iterdir()} == left
    for path in (copy / "out").glob("*.png"):
        picture(path.read_bytes(), least_colours=300)


def fewer_frames(job: Path) -> None:
    """Twelve show what 48 do, in a quarter of the time."""
    job.write_text(job.read_text().replace('"frames": 48', '"frames": 12'))
