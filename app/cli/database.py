"""`flotilla db`: the tables of the database, and which programs work with them.

An upgrade without a stop: `db upgrade`, then new processes in place of the old ones, one by one, then `db contract`.
"""

import os
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.data_folder import DataFolder
from app.cli.failures import Failure, ServerAway, Usage
from app.cli.output import DOCUMENTS, Column, age, document, document_option, show_list
from app.cli.seed import seed
from app.domain.errors import Unavailable
from app.domain.times import rfc3339

if TYPE_CHECKING:
    from app.ports.servers import ServerProcess

DATABASE = "FLOTILLA_DATABASE_URL"
NO_BROKER = "redis+socket:///none"
"""The settings ask for one, and nobody is told anything here."""
COLUMNS = (
    Column(title="process", value=lambda server: server["kind"]),
    Column(title="host", value=lambda server: server["host"]),
    Column(title="pid", value=lambda server: server["pid"], right=True),
    Column(title="version", value=lambda server: server["version"]),
    Column(title="tables", value=lambda server: server["revision"]),
    Column(title="heard", value=lambda server: f"{age(server['seenAt'])} ago"),
)


@click.group()
def db() -> None:
    """The tables of the database of FLOTILLA_DATABASE_URL, and its first tokens."""


db.add_command(seed)


@db.command()
def upgrade() -> None:
    """Bring the tables to this version, while processes of the version before work on.

    It only adds. When all processes are of this version, `flotilla db contract` takes away what is left over.
    """
    from app.adapters import sql

    url = database_url()
    try:
        before = sql.current(url)
        sql.upgrade(url)
        after = sql.current(url)
    except ValueError as wrong:
        raise Failure(str(wrong)) from None
    except Unavailable as away:
        raise ServerAway(str(away)) from None
    click.echo(f"at version {after}" + ("" if before == after else f", was {before or 'empty'}"))
    if after != sql.head():
        click.echo(f"which is newer than this program's {sql.head()}, and good for it too", err=True)


@db.command()
@click.option(
    "--force", is_flag=True, help="Also while older processes are heard of: what those still write may then be lost."
)
def contract(force: bool) -> None:
    """Take away what only programs before this version need. There is no way back to those after it.

    Refused while one of them has been heard of within the last half minute.
    """
    from app.adapters import sql

    url = database_url()

    def may(too_old: Collection[str]) -> None:
        found = [server for server in _living(url) if server.revision in too_old]
        if found and not force:
            names = ", ".join(f"{one.kind} {one.host}/{one.pid} ({one.version})" for one in found)
            raise Failure(f"processes that are too old are running: {names}", "stop them first, or say --force")

    try:
        done = sql.contract(url, may)
    except ValueError as wrong:
        raise Failure(str(wrong), "run `flotilla db upgrade` with this version first") from None
    except Unavailable as away:
        raise ServerAway(str(away)) from None
    click.echo(f"took away what only programs before {done[-1]} need" if done else "there is nothing to take away")


@db.command()
@document_option
def status(output: str) -> None:
    """Show the version of the tables, and the web and engine processes that use them."""
    from app.adapters import sql

    url = database_url()
    try:
        found = sql.standing(url)
    except Unavailable as away:
        raise ServerAway(str(away)) from None
    why = sql.unusable(found)
    rows = [_row(server) for server in _living(url)] if found.oldest else []
    if output in DOCUMENTS:
        known = {"revision": found.revision, "oldest": found.oldest, "program": sql.head(), "problem": why}
        click.echo(document({**known, "servers": rows}, output))
        return
    click.echo(f"tables of version {found.revision or 'none'}, for programs from {found.oldest or 'the first'} on")
    click.echo(f"this program is of {sql.head()}" + (f"; the database is {why}" if why else ""))
    show_list(rows, COLUMNS, output, empty="no web or engine process has been heard of")


@db.command()
def restored() -> None:
    """Say that this database is a copy that has been put back, before anything starts on it.

    Runs that were under way when the copy was made are ended, and their tasks run again: nodes that still have them are
    not believed. `flotilla restore` does it by itself.
    """
    from app.cli.backup import settle, told

    click.echo(told(settle(None)))


def database_url() -> str:
    """As the settings read it, also from a file. Raises Usage when it is not set."""
    from app import config

    try:
        return config.database_url(os.environ)
    except config.SettingError as wrong:
        raise Usage(str(wrong)) from None


def server_environ(data: str | None) -> Mapping[str, str]:
    """The settings of a server for a command that works on its database: those of the environment, or of a data
    folder of `flotilla up`. Raises Usage when there are none.
    """
    if data is None:
        if not os.environ.get(DATABASE) and not os.environ.get(f"{DATABASE}_FILE"):
            raise Usage(f"which installation? Give --data DIR, or set {DATABASE}")
        return {"FLOTILLA_BROKER_URL": NO_BROKER, **os.environ}
    folder = DataFolder(path=Path(data).expanduser().absolute())
    if not folder.path.is_dir():
        raise Usage(f"there is no data folder {folder.path}")
    environ = {"FLOTILLA_BROKER_URL": NO_BROKER, "FLOTILLA_DATABASE_URL": folder.database_url, **os.environ}
    if folder.secrets_key_file.exists():
        environ |= {"FLOTILLA_SECRETS_KEY": "", "FLOTILLA_SECRETS_KEY_FILE": str(folder.secrets_key_file)}
    return environ


def _living(url: str) -> "list[ServerProcess]":
    from app.adapters import sql
    from app.services import servers

    try:
        with closing(sql.open_store(url, threads=1)) as store:
            return store.read(servers.living)
    except Unavailable as away:
        raise ServerAway(str(away)) from None


def _row(server: "ServerProcess") -> dict[str, object]:
    return {
        "kind": server.kind,
        "host": server.host,
        "pid": server.pid,
        "version": server.version,
        "revision": server.revision,
        "startedAt": rfc3339(server.started_at_us),
        "seenAt": rfc3339(server.seen_at_us),
    }
