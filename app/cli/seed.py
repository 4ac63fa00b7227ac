"""`flotilla db seed`: the first tokens of an installation, which no API can make before somebody has one.

The texts are made beforehand, by whoever keeps the installation's secrets, in the form that `app/services/access.py`
reads.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import click

from app.cli.failures import Failure, Usage

FORM = re.compile(r"fl_[0-9a-zA-Z]{8}_[0-9A-Za-z_-]{43}")


@click.command()
@click.option("--admin", metavar="FILE", help="Holds a token that may do everything.")
@click.option("--node", metavar="FILE", help="Holds the token of nodes.")
def seed(admin: str | None, node: str | None) -> None:
    """Store the tokens that are in these files, as fl_ID_SECRET: 8 and 43 characters.

    One that the database has already is left as it is, also when it was revoked. A line for such a file:

    echo "fl_$(openssl rand -hex 4)_$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=')"
    """
    from app import bootstrap
    from app.cli import seeds
    from app.cli.database import NO_BROKER
    from app.config import SettingError, Settings

    given = {role: _token(file) for role, file in (("admin", admin), ("node", node)) if file}
    if not given:
        raise Usage("nothing to store: give --admin FILE, --node FILE, or both")
    environ: Mapping[str, str] = {key: text for key, text in os.environ.items() if "BROKER" not in key}
    try:
        store = bootstrap.store(Settings.from_environ({**environ, "FLOTILLA_BROKER_URL": NO_BROKER}))
    except SettingError as wrong:
        raise Usage(str(wrong)) from None
    except seeds.Unavailable as away:
        raise Failure(str(away)) from None
    try:
        for role, text in given.items():
            seeds.ensure_token(store, text, name=f"first {role}", role=role)
            click.echo(f"{role}: {text[:11]}")
    finally:
        store.close()


def _token(file: str) -> str:
    try:
        text = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        raise Usage(f"{file} cannot be read: {problem}") from None
    if not FORM.fullmatch(text):
        raise Usage(f"{file} holds no token: it is fl_, 8 letters or digits, _, and 43 characters of base64url")
    return text
