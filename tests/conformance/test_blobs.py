"""Every place for blobs keeps the same promises: memory, a folder, and what fsspec knows (here its local files)."""

import hashlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.file_blobs import FileBlobs
from app.adapters.fsspec_blobs import FsspecBlobs
from app.adapters.memory import MemoryBlobs
from app.domain.errors import NotFound, TooLarge, Unavailable
from app.ports.blobs import Blobs

KEY = "01a1fa7f-297b-774b-8000-033985f36d12"
OTHER = "01a1fa7f-297b-774b-8000-033985f36d13"
MOST = 1 << 20


@pytest.fixture(params=["memory", "file", "fsspec"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "memory":
        return MemoryBlobs()
    if request.param == "file":
        return FileBlobs(tmp_path / "blobs")
    return FsspecBlobs(f"file://{tmp_path}/blobs", auto_mkdir=True)


def read(blobs: Blobs, key: str, start: int = 0) -> bytes:
    with blobs.open(key, start) as file:
        return file.read()


def test_what_was_put_is_read(blobs: Blobs) -> None:
    stored = blobs.put(KEY, [b"a" * 1000, b"", b"b"], MOST)
    content = b"a" * 1000 + b"b"
    assert stored.size == len(content)
    assert stored.checksum == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert read(blobs, KEY) == content


def test_an_empty_one_is_one(blobs: Blobs) -> None:
    assert blobs.put(KEY, [], MOST).size == 0
    assert read(blobs, KEY) == b""


def test_it_is_read_from_anywhere(blobs: Blobs) -> None:
    blobs.put(KEY, [b"0123456789"], MOST)
    assert read(blobs, KEY, 4) == b"456789"
    assert read(blobs, KEY, 10) == b""


def test_two_do_not_know_each_other(blobs: Blobs) -> None:
    blobs.put(KEY, [b"one"], MOST)
    blobs.put(OTHER, [b"two"], MOST)
    blobs.delete(KEY)
    assert read(blobs, OTHER) == b"two"


def test_one_that_is_not_there_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(NotFound):
        blobs.open(KEY)
    blobs.delete(KEY)
    blobs.put(KEY, [b"x"], MOST)
    blobs.delete(KEY)
    with pytest.raises(NotFound):
        blobs.open(KEY)


def test_one_that_is_too_large_is_none(blobs: Blobs) -> None:
    blobs.put(OTHER, [b"x" * MOST], MOST)
    with pytest.raises(TooLarge, match=f"at most {MOST} bytes"):
        blobs.put(KEY, [b"x" * MOST, b"y"], MOST)
    with pytest.raises(NotFound):
        blobs.open(KEY)


def test_one_that_was_cut_off_is_none(blobs: Blobs) -> None:
    def cut() -> Iterator[bytes]:
        yield b"x" * 1000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.put(KEY, cut(), MOST)
    with pytest.raises(NotFound):
        blobs.open(KEY)


def test_nothing_is_there_before_all_of_it_is(blobs: Blobs) -> None:
    def look() -> Iterator[bytes]:
        yield b"x" * 1000
        with pytest.raises(NotFound):
            blobs.open(KEY)
        yield b"y"

    blobs.put(KEY, look(), MOST)
    assert len(read(blobs, KEY)) == 1001


def test_who_reads_goes_on_when_it_is_deleted(blobs: Blobs) -> None:
    blobs.put(KEY, [b"x" * 100_000], MOST)
    with blobs.open(KEY) as file:
        first = file.read(10)
        blobs.delete(KEY)
        assert len(first + file.read()) == 100_000


def test_nothing_but_blobs_is_left_in_a_folder(tmp_path: Path) -> None:
    blobs = FileBlobs(tmp_path / "blobs")
    blobs.put(KEY, [b"x"], MOST)
    with pytest.raises(TooLarge):
        blobs.put(OTHER, [b"xx"], 1)
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [KEY]
    assert (tmp_path / "blobs").stat().st_mode & 0o777 == 0o700


def test_what_a_killed_process_left_is_cleared_away_in_time(tmp_path: Path) -> None:
    folder = tmp_path / "12"
    folder.mkdir()
    old, young = folder / ".half-1", folder / ".half-2"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (1, 1))
    FileBlobs(tmp_path)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    """The system refuses a write beyond this process' largest file as it does on a full disk."""
    blobs = FileBlobs(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(Unavailable, match="no room left") as refused:
            blobs.put(KEY, [b"x" * 60_000] * 3, MOST)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert refused.value.retry_after_s > 0
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_place_that_cannot_be_used_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be used now: Not a directory"):
        FileBlobs(tmp_path / "file" / "blobs")
