"""Two versions at once: tables that a newer program has expanded, and those it has contracted.

A revision of the future is written into a copy of the migrations: it adds a column that replaces an old one, and its
`contract` takes the old one away.
"""

import shutil
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

import app.adapters.sql
from app.adapters import sql
from app.cli.main import main
from app.ports.servers import ServerProcess

FUTURE = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "9000", "{head}"
branch_labels = depends_on = None


def upgrade() -> None:
    op.add_column("stamps", sa.Column("old_fashioned", sa.Text(), nullable=True))
    op.add_column("stamps", sa.Column("modern", sa.Text(), nullable=True))


def contract() -> None:
    op.drop_column("stamps", "old_fashioned")
"""


@contextmanager
def in_the_future(folder: Path) -> Iterator[None]:
    """The program with one more revision."""
    copy = folder / "migrations"
    if not copy.exists():
        shutil.copytree(Path(app.adapters.sql.__file__).parent / "migrations", copy)
        (copy / "versions" / "9000_future.py").write_text(FUTURE.format(head=sql.head()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("app.adapters.sql.upgrade"), "LOCATION", str(copy))
        yield


def columns(url: str) -> set[str]:
    engine = create_engine(url)
    found = {column["name"] for column in inspect(engine).get_columns("stamps")}
    engine.dispose()
    return found


def test_a_program_starts_on_newer_tables_until_they_are_contracted(database_url: str, tmp_path: Path) -> None:
    sql.upgrade(database_url)
    ours = sql.head()
    with in_the_future(tmp_path):
        assert f"at version {ours}, and this program needs 9000" in str(sql.unusable(sql.standing(database_url)))
        sql.upgrade(database_url)
        assert sql.unusable(sql.standing(database_url)) is None
    expanded = sql.standing(database_url)
    assert expanded.revision == "9000"
    assert sql.unusable(expanded) is None
    assert {"old_fashioned", "modern"} <= columns(database_url)
    sql.upgrade(database_url)  # of the older program: nothing to do
    assert sql.standing(database_url) == expanded
    with pytest.raises(ValueError, match=f"at version 9000, and not at {ours}"):
        sql.contract(database_url)

    with in_the_future(tmp_path):
        assert sql.contract(database_url) == ["9000"]
        assert sql.contract(database_url) == []
        assert sql.unusable(sql.standing(database_url)) is None
    assert "old_fashioned" not in columns(database_url)
    why = str(sql.unusable(sql.standing(database_url)))
    assert f"programs from 9000 on can work with, and this one is of {ours}; install the newer version" in why
    with pytest.raises(ValueError, match="install the newer version"):
        sql.upgrade(database_url)


def test_new_tables_have_nothing_left_over(database_url: str, tmp_path: Path) -> None:
    with in_the_future(tmp_path):
        sql.upgrade(database_url)
        assert sql.standing(database_url) == sql.Standing(revision="9000", oldest="9000")
    assert "old_fashioned" not in columns(database_url)


def test_contraction_is_refused_before_anything_is_done(database_url: str, tmp_path: Path) -> None:
    sql.upgrade(database_url)
    ours = sql.head()

    def refuse(too_old: Collection[str]) -> None:
        raise RuntimeError(f"somebody may be of {', '.join(too_old)}")

    with in_the_future(tmp_path):
        sql.upgrade(database_url)
        with pytest.raises(RuntimeError, match=f"somebody may be of {ours}"):
            sql.contract(database_url, refuse)
    assert "old_fashioned" in columns(database_url)


def test_the_command_names_who_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("FLOTILLA_DATABASE_URL", url)
    sql.upgrade(url)
    with closing(sql.open_store(url, threads=1)) as store:
        now_us = store.read(lambda tx: tx.now_us)
        old = ServerProcess(
            id="x", kind="web", host="h", pid=7, version="1", revision=sql.head(), started_at_us=1, seen_at_us=now_us
        )
        store.write(lambda tx: tx.save_server(old))
    with in_the_future(tmp_path):
        ends(["db", "upgrade"], 0)
        ends(["db", "contract"], 1)
        assert "processes that are too old are running: web h/7 (1)" in capsys.readouterr().err
        ends(["db", "status"], 0)
        assert "web      h       7" in capsys.readouterr().out
        ends(["db", "contract", "--force"], 0)
        assert "took away what only programs before 9000 need" in capsys.readouterr().out
        ends(["db", "contract"], 0)
        assert "there is nothing to take away" in capsys.readouterr().out


def ends(words: list[str], code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == code
