"""`flotilla web`, `engine`, `node` and `db`: the processes of a deployment, one at a time, set by the environment."""

import os
import sys
from collections.abc import Mapping

import click

from app.cli.failures import Usage


@click.command()
def web() -> None:
    """The API and the dashboard, in the foreground. Set by FLOTILLA_DATABASE_URL, FLOTILLA_BROKER_URL and others."""
    _become("app.main")


@click.command()
def engine() -> None:
    """The engine, in the foreground. Several may run; one of them leads."""
    _become("app.engine")


@click.command()
@click.option("--server", metavar="URL", help="The API. [FLOTILLA_SERVER_URL]")
@click.option("--broker", metavar="URL", help="The broker. [FLOTILLA_BROKER_URL]")
@click.option(
    "--token", metavar="TOKEN", help="A token of the role node. [FLOTILLA_NODE_TOKEN, which ps does not show]"
)
@click.option("--join", metavar="TOKEN", help="A join token, used once. [FLOTILLA_JOIN_TOKEN, which ps does not show]")
@click.option("--name", help="What people call it. [FLOTILLA_NODE_NAME]")
@click.option("--dir", "folder", metavar="DIR", help="Scratch and reports not yet sent. [FLOTILLA_NODE_DIR]")
@click.option("--cpus", type=click.FloatRange(0.1), help="[FLOTILLA_CPUS]")
@click.option("--memory", type=click.IntRange(64), metavar="MB", help="[FLOTILLA_MEMORY_MB]")
@click.option("--queues", metavar="A,B", help="Queues it serves; * for all. [FLOTILLA_QUEUES]")
@click.option("--tags", metavar="A,B", help="[FLOTILLA_TAGS]")
def node(
    server: str | None,
    broker: str | None,
    token: str | None,
    join: str | None,
    name: str | None,
    folder: str | None,
    cpus: float | None,
    memory: int | None,
    queues: str | None,
    tags: str | None,
) -> None:
    """A compute node, in the foreground. What is not given is taken from the environment."""
    given = {
        "FLOTILLA_SERVER_URL": server,
        "FLOTILLA_BROKER_URL": broker,
        "FLOTILLA_NODE_TOKEN": token,
        "FLOTILLA_JOIN_TOKEN": join,
        "FLOTILLA_NODE_NAME": name,
        "FLOTILLA_NODE_DIR": folder,
        "FLOTILLA_CPUS": None if cpus is None else f"{cpus:g}",
        "FLOTILLA_MEMORY_MB": None if memory is None else str(memory),
        "FLOTILLA_QUEUES": queues,
        "FLOTILLA_TAGS": tags,
    }
    _become("worker.main", {key: value for key, value in given.items() if value is not None})


@click.group()
def db() -> None:
    """The tables of the database of FLOTILLA_DATABASE_URL."""


@db.command()
def upgrade() -> None:
    """Bring the tables to this version. Stop the processes that use them first."""
    from app.adapters import sql

    url = os.environ.get("FLOTILLA_DATABASE_URL", "")
    if not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise Usage("FLOTILLA_DATABASE_URL is not set to sqlite:////absolute/path or postgresql+psycopg://...")
    before = sql.current(url)
    sql.upgrade(url)
    after = sql.current(url)
    click.echo(f"at version {after}" + ("" if before == after else f", was {before or 'empty'}"))


def _become(module: str, given: Mapping[str, str] | None = None) -> None:
    """This process goes on as that one: same pid, so that whoever started it can stop it."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module], {**os.environ, **(given or {})})  # noqa: S606  # no shell
