"""`flotilla keys`: what an installation signs links, sessions and run tokens with, and what it seals secrets with."""

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.database import server_environ
from app.cli.failures import Failure, ServerAway, Usage
from app.domain.errors import Unavailable

if TYPE_CHECKING:
    from app.config import Settings
    from app.ports.store import Store

DATA_HELP = "The data folder of `flotilla up`. [default: FLOTILLA_DATABASE_URL and FLOTILLA_SECRETS_KEY_FILE]"
LOOK_S = 0.2
PATIENCE_S = 60.0
"""Longer than a process that says nothing counts as one that runs."""


@click.group()
def keys() -> None:
    """Rotate the keys of an installation. Runs where its database is; nothing stops for it."""


@keys.command()
@click.option("--data", metavar="DIR", help=DATA_HELP)
@click.option("--leaked", is_flag=True, help="Believe nothing that the key before has signed, from now on.")
@click.option("--webhooks", is_flag=True, help="Give webhooks without a secret of their own a new one, too.")
def rotate(data: str | None, leaked: bool, webhooks: bool) -> None:
    """Make new keys: one that signs, and one that seals secrets, where the key of secrets is in a file.

    What is out stays good: links, sessions, uploads and the tokens of runs live to their own end, for 8 days at most.
    With --leaked they end now: who is logged in logs in again, and runs that are under way can tell nothing over HTTP
    themselves any more. Secrets keep their values; tokens are none of it (`flotilla token rotate`).
    """
    from app import bootstrap
    from app.config import SettingError, Settings

    try:
        settings = Settings.from_environ(server_environ(data))
        with closing(bootstrap.store(settings)) as store:
            click.echo(f"signs with the new key {_sign_anew(store, leaked=leaked, webhooks=webhooks)}")
            if settings.secrets_key_file:
                click.echo(f"sealed {reseal(settings, store)} secrets with a new key")
    except SettingError as wrong:
        raise Usage(str(wrong)) from None
    except Unavailable as away:
        raise ServerAway(str(away)) from None


def reseal(settings: "Settings", store: "Store") -> int:
    """Of the secrets in the store. Those whose key is in a file get a new one; the one before it stays in there until
    the next time, for what is being written at this moment. Raises Usage where there is none, Failure for a secret that
    cannot be opened.
    """
    from app import bootstrap
    from app.adapters import keyring
    from app.ports.vault import Unreadable
    from app.services import hook_secrets
    from app.services import secrets as service

    path = Path(settings.secrets_key_file) if settings.secrets_key_file else None
    if path:
        keyring.write(path, [keyring.new_key(), *keyring.keys_of(path.read_text())])
    vault = bootstrap.vault(settings)
    if vault is None:
        raise Usage("there is no key: set FLOTILLA_SECRETS_KEY_FILE, or give --data DIR")
    try:
        count = service.reseal(store, vault) + hook_secrets.reseal(store, vault)
    except Unreadable as wrong:
        raise Failure(str(wrong), "put the key that it was sealed with back, behind the others") from None
    if path:
        keyring.write(path, keyring.keys_of(path.read_text())[:2])
    return count


def _sign_anew(store: "Store", *, leaked: bool, webhooks: bool) -> str:
    """The new key's id. First every process reads the key, then it signs: see `services/keys.py`."""
    from app.adapters.system_chance import SystemChance
    from app.services import keys as service
    from app.services import servers

    fresh = SystemChance().secret()
    since_us = store.write(lambda tx: service.announce(tx, fresh))
    deadline = time.monotonic() + PATIENCE_S
    while late := [one for one in store.read(servers.living) if one.seen_at_us <= since_us]:
        if time.monotonic() > deadline:
            names = ", ".join(f"{one.kind} {one.host}/{one.pid}" for one in late)
            raise Failure(f"these have not read the new key: {names}", "see whether they are well, and say it again")
        time.sleep(LOOK_S)
    kept_s = 0 if leaked else service.KEPT_S
    return store.write(lambda tx: service.promote(tx, kept_s=kept_s, webhooks=webhooks))
