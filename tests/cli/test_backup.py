"""What goes into a backup while files come and go, and what is refused on the way back."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters import archive, sql
from app.adapters.archive import NoBackupError, read_about, unpack
from app.adapters.file_blobs import FileBlobs
from app.domain.errors import Unavailable
from tests.cli.conftest import Flotilla


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    sql.upgrade(f"sqlite:///{data / 'flotilla.db'}")
    (data / "secrets.key").write_text("k\n")
    FileBlobs(data / "assets").put("kept-01", [b"kept"], 10)
    return data


def written(folder: Path) -> Path:
    file = folder.parent / "backup.tar"
    with file.open("wb") as opened:
        archive.write(opened, folder, compressed=False, version="1", revision="0001", created_at="now")
    return file


def names(file: Path) -> set[str]:
    with tarfile.open(file) as packed:
        return set(packed.getnames())


def changing(monkeypatch: pytest.MonkeyPatch, *copies: set[str]) -> None:
    """One copy of the database after the other names these files."""
    left: Iterator[set[str]] = iter(copies)
    monkeypatch.setattr(archive, "blobs_of", lambda path: (next(left), set()))


def test_a_file_that_was_deleted_meanwhile_needs_another_copy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(monkeypatch, {"kept-01", "gone-02"}, {"kept-01"})
    found = names(written(folder))
    assert found == {"backup.json", "flotilla.db", "secrets.key", "assets/01/kept-01"}
    assert not list((folder / "tmp").iterdir())


def test_what_an_earlier_copy_had_is_not_in_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(monkeypatch, {"kept-01", "gone-02"}, set())
    assert "assets/01/kept-01" not in names(written(folder))


def test_files_that_always_vanish_end_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changing(monkeypatch, *[{"gone-02"}] * 9)
    with pytest.raises(Unavailable, match="vanish"):
        written(folder)


def test_a_backup_that_was_changed_or_cut_off_is_refused(folder: Path, tmp_path: Path) -> None:
    file = written(folder)
    assert read_about(file).revision == "0001"
    data = file.read_bytes()
    place = data.index(b"SQLite format 3")
    for wrong in (data[: len(data) // 2], data[: place + 500] + b"\1\2\3" + data[place + 503 :]):
        file.write_bytes(wrong)
        target = tmp_path / f"target-{len(wrong)}"
        target.mkdir()
        with pytest.raises(NoBackupError):
            unpack(file, target)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "assets/xx/kept-01", "assets/01/../../evil", "other"])
def test_nothing_else_is_unpacked(tmp_path: Path, name: str) -> None:
    file = tmp_path / "evil.tar"
    with tarfile.open(file, "w") as packed:
        member = tarfile.TarInfo(name)
        member.size = 1
        packed.addfile(member, io.BytesIO(b"x"))
    (tmp_path / "target").mkdir()
    with pytest.raises(NoBackupError, match="which no backup has"):
        unpack(file, tmp_path / "target")
    assert not list((tmp_path / "target").iterdir())


def test_commands_say_what_they_cannot_do(folder: Path, flotilla: Flotilla, monkeypatch: pytest.MonkeyPatch) -> None:
    there, data = str(folder.parent / "x.tar"), str(folder)
    assert flotilla("backup", there, "--data", str(folder.parent / "none")).code == 2
    assert flotilla("backup", there, "--data", data).code == 0
    assert "is there already" in flotilla("backup", there, "--data", data).err
    assert "is not empty" in flotilla("restore", there, "--data", data).err
    monkeypatch.setenv("FLOTILLA_DATABASE_URL", "postgresql+psycopg://u@h/db")
    for said in (flotilla("backup", there, "--data", data), flotilla("restore", there, "--data", data)):
        assert said.code == 2
        assert "FLOTILLA_DATABASE_URL is set" in said.err
