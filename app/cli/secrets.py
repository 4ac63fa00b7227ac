"""`flotilla secrets`: values that tasks refer to as `${{ secrets.NAME }}`. They go in here and never come out."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from app.cli.client import connect
from app.cli.columns import SECRETS
from app.cli.data_folder import DataFolder
from app.cli.failures import Failure, Usage
from app.cli.output import output_option, show_list

KEYS = ("FLOTILLA_SECRETS_KEY", "FLOTILLA_SECRETS_KEY_FILE")
NO_BROKER = "redis+socket:///none"
"""The settings ask for one, and nobody is told anything here."""


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
    from app.adapters import keyring
    from app.config import SettingError, Settings
    from app.ports.vault import Unreadable
    from app.services import secrets as service

    try:
        settings = Settings.from_environ(_environ(data))
        path = Path(settings.secrets_key_file) if settings.secrets_key_file else None
        before = keyring.keys_of(path.read_text()) if path else []
        if path:
            keyring.write(path, [keyring.new_key(), *before])
        vault = bootstrap.vault(settings)
        if vault is None:
            raise Usage("there is no key: set FLOTILLA_SECRETS_KEY_FILE, or give --data DIR")
        store = bootstrap.store(settings)
        try:
            count = service.reseal(store, vault)
        finally:
            store.close()
    except SettingError as wrong:
        raise Usage(str(wrong)) from None
    except Unreadable as wrong:
        raise Failure(str(wrong), "put the key that it was sealed with back, behind the others") from None
    if path:
        keyring.write(path, keyring.keys_of(path.read_text())[:2])
    click.echo(f"sealed {count} secrets with the {'new' if path else 'first'} key")


def _environ(data: str | None) -> Mapping[str, str]:
    if data is None:
        if not any(os.environ.get(key) for key in KEYS):
            raise Usage("there is no key: give --data DIR, or set FLOTILLA_SECRETS_KEY_FILE and FLOTILLA_DATABASE_URL")
        return {"FLOTILLA_BROKER_URL": NO_BROKER, **os.environ}
    folder = DataFolder(path=Path(data))
    environ = {"FLOTILLA_BROKER_URL": NO_BROKER, "FLOTILLA_DATABASE_URL": folder.database_url, **os.environ}
    environ.pop("FLOTILLA_SECRETS_KEY", None)
    return {**environ, "FLOTILLA_SECRETS_KEY_FILE": str(folder.secrets_key_file)}
