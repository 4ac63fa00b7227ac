"""`flotilla web`, `engine` and `node`: the processes of a deployment, one at a time, set by the environment."""

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
@click.option("--join", metavar="URL", help="Join the fleet of this API, once, with a token of `flotilla tokens join`.")
@click.option("--token", metavar="TOKEN", help="The join token, or with --server a token of the role node.")
@click.option("--server", metavar="URL", help="The API, for a node that has a token. [FLOTILLA_SERVER_URL]")
@click.option("--broker", metavar="URL", help="The broker, if not as the API says. [FLOTILLA_BROKER_URL]")
@click.option("--ca-file", metavar="FILE", help="PEM file of your own certificate authority. [FLOTILLA_CA_FILE]")
@click.option("--name", help="What people call it. [FLOTILLA_NODE_NAME, else the host's name]")
@click.option("--dir", "folder", metavar="DIR", help="Scratch, token, reports not yet sent. [FLOTILLA_NODE_DIR]")
@click.option("--cpus", type=click.FloatRange(0.1), help="[FLOTILLA_CPUS, else what the machine or container has]")
@click.option("--memory", type=click.IntRange(64), metavar="MB", help="[FLOTILLA_MEMORY_MB, else nine tenths]")
@click.option("--queues", metavar="A,B", help="Queues it serves; * for all. [FLOTILLA_QUEUES]")
@click.option("--tags", metavar="A,B", help="[FLOTILLA_TAGS]")
def node(
    join: str | None,
    token: str | None,
    server: str | None,
    broker: str | None,
    ca_file: str | None,
    name: str | None,
    folder: str | None,
    cpus: float | None,
    memory: int | None,
    queues: str | None,
    tags: str | None,
) -> None:
    """A compute node, in the foreground. What is not given is taken from the environment.

    The first time on a machine: flotilla node --join URL --token TOKEN. From then on the node's folder knows both, and
    flotilla node will do. ps shows a --token; FLOTILLA_JOIN_TOKEN and FLOTILLA_NODE_TOKEN it does not.
    """
    given = {
        "FLOTILLA_SERVER_URL": _server_url(join, server),
        "FLOTILLA_JOIN_TOKEN": token if join else None,
        "FLOTILLA_NODE_TOKEN": None if join else token,
        "FLOTILLA_BROKER_URL": broker,
        "FLOTILLA_CA_FILE": ca_file,
        "FLOTILLA_NODE_NAME": name,
        "FLOTILLA_NODE_DIR": folder,
        "FLOTILLA_CPUS": None if cpus is None else f"{cpus:g}",
        "FLOTILLA_MEMORY_MB": None if memory is None else str(memory),
        "FLOTILLA_QUEUES": queues,
        "FLOTILLA_TAGS": tags,
    }
    _become("worker.main", {key: value for key, value in given.items() if value is not None})


def _server_url(join: str | None, server: str | None) -> str | None:
    """Raises Usage for two of them, and for a token in the place of the URL."""
    if join and server:
        raise Usage("--join and --server both name the API", "leave out one: --join for a join token")
    if join and not join.startswith(("http://", "https://")):
        raise Usage("--join takes the API's URL", "flotilla node --join http://HOST:8080 --token TOKEN")
    return join or server


def _become(module: str, given: Mapping[str, str] | None = None) -> None:
    """This process goes on as that one: same pid, so that whoever started it can stop it."""
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", module], {**os.environ, **(given or {})})  # noqa: S606  # no shell
