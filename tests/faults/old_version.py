"""The version before the newest change of the tables, out of the project's own history: a folder that runs."""

import subprocess
import tarfile
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

import app.adapters.sql
from tests.faults.process import ROOT

VERSIONS = Path(app.adapters.sql.__file__).parent / "migrations"


def git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    except FileNotFoundError:
        pytest.skip("no git on this machine, so there is no version before this one to upgrade from")
    except subprocess.CalledProcessError as wrong:
        pytest.skip(f"no history to take the version before this one from: {wrong.stderr.strip()}")
    return done.stdout.strip()


def export(folder: Path) -> Path:
    """The tree as it was before the newest revision of the tables came in. Skips where there is no history."""
    history = ScriptDirectory(str(VERSIONS))
    newest = Path(str(history.get_revision("head").path))  # type: ignore[union-attr]  # there is a head
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(newest.relative_to(ROOT)))
    if not added:
        pytest.skip(f"{newest.name} is in no commit yet, so there is no version before it to upgrade from")
    before = git("rev-parse", "--verify", f"{added}^")
    archive = folder / "old.tar"
    git("archive", "--output", str(archive), before)
    tree = folder / "old"
    with tarfile.open(archive) as packed:
        packed.extractall(tree, filter="data")
    archive.unlink()
    assert not (tree / newest.relative_to(ROOT)).exists()
    return tree
