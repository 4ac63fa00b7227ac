"""A data folder of `flotilla up` as one file, and back: database, key of secrets, tokens, stored files.

    backup.json      what it is: the form, versions, the database's checksum
    flotilla.db      as of one moment, whatever was written meanwhile
    secrets.key, token, node-token
    assets/...       every file that an asset of that database has

Files are never changed once they are there, so that a link keeps one that is deleted meanwhile. One that was gone
before it could be linked was deleted after the copy of the database was made: then another copy is made.
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from app.adapters.file_blobs import place_of
from app.adapters.sql.snapshot import blobs_of, snapshot
from app.domain.errors import Unavailable

FORM = 1
ABOUT = "backup.json"
DATABASE = "flotilla.db"
ASSETS = "assets"
SMALL = ("secrets.key", "token", "node-token")
_COPIES = 5
_PIECE = 1 << 20
_LARGEST_ABOUT = 1 << 16


class NoBackupError(ValueError):
    """The file is none, is cut off, or was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """`assets` are files, `size` is the bytes of all."""

    version: str
    revision: str
    created_at: str
    assets: int
    size: int


def write(file: IO[bytes], folder: Path, *, compressed: bool, version: str, revision: str, created_at: str) -> Contents:
    """Of a data folder, while it is in use or not. Raises Unavailable, also when files vanish again and again."""
    (folder / "tmp").mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="backup-", dir=folder / "tmp") as made:
        place = Path(made)
        _gather(folder, place)
        files = sorted(path for path in place.rglob("*") if path.is_file())
        about = {
            "form": FORM,
            "version": version,
            "revision": revision,
            "createdAt": created_at,
            "database": _sha256(place / DATABASE),
            "assets": sum(path.parent.parent.name == ASSETS for path in files),
            "size": sum(path.stat().st_size for path in files),
        }
        (place / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
        with tarfile.open(fileobj=file, mode="w:gz" if compressed else "w", **_level(compressed)) as packed:
            for path in (place / ABOUT, *files):
                packed.add(path, path.relative_to(place).as_posix(), recursive=False)
    return _contents(about)


def read_about(file: Path) -> Contents:
    """Raises NoBackupError."""
    try:
        with tarfile.open(file) as packed:
            first = packed.next()
            opened = packed.extractfile(first) if first is not None and first.name == ABOUT and first.isfile() else None
            about = json.loads(opened.read(_LARGEST_ABOUT)) if opened else {}
        if about.get("form") != FORM:
            raise NoBackupError(f"{file} is no backup that this version can read")
        return _contents(about)
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as wrong:
        raise NoBackupError(f"{file} is no backup of Flotilla: {wrong}") from None


def unpack(file: Path, folder: Path) -> None:
    """Into an empty folder. Raises NoBackupError, and then leaves there what it has got so far."""
    try:
        with tarfile.open(file) as packed:
            for member in packed:
                if not member.isfile() or not _expected(PurePosixPath(member.name)):
                    raise NoBackupError(f"{file} has {member.name!r} in it, which no backup has")
                packed.extract(member, folder, set_attrs=False, filter="data")
                target = folder / member.name
                target.chmod(0o600)
                target.parent.chmod(0o700)
        about = json.loads((folder / ABOUT).read_text())
        if _sha256(folder / DATABASE) != about["database"]:
            raise NoBackupError(f"the database in {file} is not the one that was put in")
        held, _ = blobs_of(folder / DATABASE)
    except (tarfile.TarError, EOFError, OSError, KeyError) as wrong:
        raise NoBackupError(f"{file} cannot be unpacked: {wrong}") from None
    if gone := [key for key in held if not place_of(folder / ASSETS, key).exists()]:
        raise NoBackupError(f"{file} lacks {len(gone)} of its stored files")
    (folder / ABOUT).unlink()


def _gather(folder: Path, place: Path) -> None:
    for name in SMALL:
        with suppress(FileNotFoundError):
            shutil.copy2(folder / name, place / name)
    for _ in range(_COPIES):
        snapshot(folder / DATABASE, place / DATABASE)
        held, loose = blobs_of(place / DATABASE)
        gone = _keep(folder / ASSETS, place / ASSETS, held | loose)
        if not gone & held:
            _drop(place / ASSETS, held | loose)
            return
    raise Unavailable("stored files vanish while they are copied; try when there is less to do")


def _keep(source: Path, target: Path, keys: Iterable[str]) -> set[str]:
    """Those that are not there."""
    gone = set()
    for key in keys:
        kept = place_of(target, key)
        if kept.exists():
            continue
        kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            os.link(place_of(source, key), kept)
        except FileNotFoundError:
            gone.add(key)
        except OSError:  # another disk, or one without links
            shutil.copyfile(place_of(source, key), kept)
    return gone


def _drop(kept: Path, keys: set[str]) -> None:
    """What an earlier copy of the database had, and this one has no more."""
    for path in kept.glob("*/*"):
        if path.name not in keys:
            path.unlink()


def _expected(path: PurePosixPath) -> bool:
    if len(path.parts) == 1:
        return path.name in (ABOUT, DATABASE, *SMALL)
    return path.parts[0] == ASSETS and path == PurePosixPath(place_of(Path(ASSETS), path.name))


def _contents(about: dict[str, Any]) -> Contents:
    words = {name: str(about[name]) for name in ("version", "revision")}
    numbers = {name: int(about[name]) for name in ("assets", "size")}
    return Contents(**words, **numbers, created_at=str(about["createdAt"]))  # type: ignore[arg-type]  # by their names


def _level(compressed: bool) -> dict[str, Any]:
    return {"compresslevel": 1} if compressed else {}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
