"""`flotilla backup` and `flotilla restore`: an installation of `flotilla up` as one file, and back.

A database server and an object store have ways of their own: `deploy/README.md`. `flotilla db restored` is for the
copy of such a database that has been put back.
"""

import os
import shutil
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.adapters.archive import Contents, NoBackupError, read_about, unpack, write
from app.cli import profile
from app.cli.data_folder import DataFolder
from app.cli.database import server_environ
from app.cli.failures import Failure, ServerAway, Usage
from app.cli.output import size
from app.cli.plan import DATABASE_KEYS
from app.domain.errors import Unavailable

if TYPE_CHECKING:
    from app.services.restored import Settled

data_option = click.option(
    "--data", metavar="DIR", help="The data folder of `flotilla up`. [default: ~/.local/share/flotilla]"
)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
def backup(file: Path, data: str | None) -> None:
    """Copy all of an installation into FILE, while it runs or not; compressed when its name ends in gz.

    FILE has the key that secrets are sealed with, and tokens: keep it as you would keep a password.
    """
    from app import bootstrap
    from app.adapters import sql

    folder = _folder(data)
    _must_be_own()
    if not (folder.path / "flotilla.db").exists():
        raise Usage(f"{folder.path} has no flotilla.db", "name the folder with --data DIR")
    if file.exists():
        raise Failure(f"{file} is there already", "choose another name, or remove it")
    half = file.with_name(f"{file.name}.half")
    half.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            contents = write(
                opened,
                folder.path,
                compressed=file.name.endswith("gz"),
                version=bootstrap.product_version(),
                revision=sql.current(folder.database_url) or "",
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            opened.flush()
            os.fsync(opened.fileno())
        half.replace(file)
    except Unavailable as away:
        raise Failure(str(away)) from None
    except OSError as wrong:
        raise Failure(f"cannot write {file}: {wrong.strerror}") from None
    finally:
        half.unlink(missing_ok=True)
    click.echo(f"{file}: {_what(contents)}")
    if os.environ.get("FLOTILLA_ASSETS_URL"):
        click.echo("stored files are elsewhere (FLOTILLA_ASSETS_URL) and not in it", err=True)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@data_option
def restore(file: Path, data: str | None) -> None:
    """Put what is in FILE into an empty data folder, all or nothing. `flotilla up` goes on from there.

    Runs that were under way when FILE was written are ended, and their tasks run again. What was accepted, revoked or
    deleted after that is as it was then.
    """
    folder = _folder(data)
    _must_be_own()
    if folder.path.exists() and any(folder.path.iterdir()):
        raise Failure(f"{folder.path} is not empty", "name another folder with --data DIR")
    try:
        contents = read_about(file)
        folder.path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.path.name}-", dir=folder.path.parent))
    except NoBackupError as wrong:
        raise Failure(str(wrong)) from None
    except OSError as wrong:
        raise Failure(f"cannot write beside {folder.path}: {wrong.strerror}") from None
    try:
        unpack(file, beside)
        settled = settle(str(beside))
        if folder.path.exists():
            folder.path.rmdir()
        beside.rename(folder.path)
    except NoBackupError as wrong:
        raise Failure(str(wrong)) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    click.echo(f"restored {folder.path}: {_what(contents)}, of {contents.created_at}")
    click.echo(told(settled))
    click.echo(f"go on with: flotilla up --data {folder.path}")


def settle(data: str | None) -> "Settled":
    """What was under way in a copy that has been put back; its tables are brought to this version before that."""
    from app import bootstrap
    from app.adapters import sql
    from app.config import SettingError, Settings
    from app.services import restored

    try:
        settings = Settings.from_environ(server_environ(data))
        sql.upgrade(settings.database_url)
        core = bootstrap.core(settings)
        with closing(core.store):
            return restored.settle(core)
    except (SettingError, ValueError) as wrong:
        raise Failure(str(wrong)) from None
    except Unavailable as away:
        raise ServerAway(str(away)) from None


def told(settled: "Settled") -> str:
    return f"{settled.running} runs were under way, {settled.offered} more were out: ended, and their tasks run again"


def _what(contents: Contents) -> str:
    return f"tables of version {contents.revision}, {contents.assets} stored files, {size(contents.size)}"


def _must_be_own() -> None:
    if key := next((key for key in DATABASE_KEYS if os.environ.get(key)), None):
        raise Usage(f"the database is not in the data folder ({key} is set)", "see Backup in deploy/README.md")


def _folder(data: str | None) -> DataFolder:
    return DataFolder(path=Path(data or profile.data_path(os.environ)).expanduser().absolute())
