"""`flotilla demo`, from nothing to the report."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")


def test_the_demo_reads_the_standard_library_and_writes_its_report(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.cli.main", "demo", "--data", str(tmp_path / "data"), "--out"]
    done = subprocess.run(
        [*command, str(tmp_path / "report")], env=os.environ, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "258/258" in done.stdout
    assert str(tmp_path / "report" / "report.html") in done.stdout
    found = json.loads((tmp_path / "report" / "census.json").read_text())
    assert found["files"] == found["census"]["files"] > 100
    assert found["functions"] > 1000
    assert (tmp_path / "report" / "census.png").stat().st_size > 10_000


def test_without_matplotlib_it_says_how_to_get_it(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['matplotlib'] = None; sys.argv = ['flotilla', 'demo']; import app.cli.main as m; "
    done = subprocess.run([sys.executable, "-c", hidden + "m.main()"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "flotilla[demo" in done.stderr
