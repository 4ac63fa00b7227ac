"""`flotilla secrets`: values that tasks refer to as `${{ secrets.NAME }}`. They go in here and never come out."""

import sys
from contextlib import closing

import click

from app.cli.client import connect
from app.cli.columns import SECRETS
from app.cli.database import server_environ
from app.cli.failures import Usage
from app.cli.keys import reseal
from app.cli.output import output_option, show_list


@click.group()
def secrets() -> None:
    """Store, list and delete secrets. Asks for a token that may administer."""


@secrets.command("set")
@click.argument("name")
def set_(name: str) -> None:
    """Store a secret, or give it another value: what comes in on standard input, else what is typed.

    One line end at the end of the input is not part of it.
    """
    if sys.stdin.isatty():
        value = click.prompt(f"value of {name}", hide_input=True, confirmation_prompt=True)
    else:
        value = sys.stdin.read()
        value = value.removesuffix("\n").removesuffix("\r")
    connect().put(f"/v1/secrets/{name}", {"value": value})
    click.echo(f"stored {name}")


@secrets.command("list")
@output_option
def list_(output: str) -> None:
    """List the secrets, without their values."""
    show_list(connect().items("/v1/secrets"), SECRETS, output, empty="no secrets")


@secrets.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def delete(names: tuple[str, ...]) -> None:
    """Delete secrets. Tasks that refer to them fail when they are to start."""
    client = connect()
    for name in names:
        client.delete(f"/v1/secrets/{name}")
        click.echo(f"deleted {name}")


@secrets.command("rotate-key")
@click.option("--data", metavar="DIR", help="The data folder of `flotilla up`. [default: FLOTILLA_SECRETS_KEY_FILE]")
def rotate_key(data: str | None) -> None:
    """Make a new key and seal all secrets with it. Runs where the database and the key file are; nothing stops for it.

    The key before it stays in the file until the next rotation, for what is being written at this moment. With
    FLOTILLA_SECRETS_KEY put the new key before the old one there, restart, and run this: it seals with the first.
    """
    from app import bootstrap
    from app.config import SettingError, Settings

    try:
        settings = Settings.from_environ(server_environ(data))
        with closing(bootstrap.store(settings)) as store:
            count = reseal(settings, store)
    except SettingError as wrong:
        raise Usage(str(wrong)) from None
    click.echo(f"sealed {count} secrets with the {'new' if settings.secrets_key_file else 'first'} key")
