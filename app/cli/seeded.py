"""`python -m app.cli.seeded app.main`: the web process of `flotilla up`, with its folder's tokens.

It sees to the store's tables and tokens, then becomes the named module. One process does both, because what it must
import for the one it needs for the other, and that is most of what a start takes.
"""

import hashlib
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

from app import bootstrap
from app.adapters import sql
from app.config import Settings
from app.ports.records import Token
from app.ports.store import Store, Writer
from app.services.access import ORG, SCOPES

ADMIN_FILE = "FLOTILLA_UP_ADMIN_TOKEN_FILE"
NODE_FILE = "FLOTILLA_UP_NODE_TOKEN_FILE"
OWN_DATABASE = "FLOTILLA_UP_OWN_DATABASE"
"""Set when the database is the data folder's own, which nobody else would bring to this version."""


def main() -> None:
    module = sys.argv[1]
    environ = {name: os.environ.pop(name, "") for name in (ADMIN_FILE, NODE_FILE, OWN_DATABASE)}
    _seed(Settings.from_environ(os.environ), environ)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _seed(settings: Settings, environ: Mapping[str, str]) -> None:
    if environ[OWN_DATABASE]:
        sql.upgrade(settings.database_url)
    store = bootstrap.store(settings)
    try:
        for name, role, key in (("up", "admin", ADMIN_FILE), ("up's nodes", "node", NODE_FILE)):
            ensure_token(store, Path(environ[key]).read_text().strip(), name=name, role=role)
    finally:
        store.close()


def ensure_token(store: Store, text: str, *, name: str, role: str) -> None:
    """A token that the store has is left as it is, also when it was revoked."""
    _, token_id, secret = text.split("_", 2)

    def work(tx: Writer) -> None:
        if tx.token(token_id) is None:
            tx.save_token(
                Token(
                    id=token_id,
                    org_id=ORG,
                    name=name,
                    role=role,
                    scopes=SCOPES[role],
                    secret_hash=hashlib.sha256(secret.encode()).hexdigest(),
                    created_at_us=tx.now_us,
                )
            )

    store.write(work)


if __name__ == "__main__":
    main()
