"""What must be in the store of `flotilla up` before it is ready: its tables, and the tokens of its data folder.

The tokens' texts are in files that were made before anything could store them: see data_folder.py.
"""

import hashlib
from collections.abc import MutableMapping
from pathlib import Path

from app import bootstrap
from app.adapters import sql
from app.config import Settings
from app.domain.errors import Unavailable
from app.ports.records import Token
from app.ports.store import Store, Writer
from app.services.access import ORG, SCOPES, SYSTEM

__all__ = ["Unavailable", "ensure_token", "plant"]

ADMIN_FILE = "FLOTILLA_UP_ADMIN_TOKEN_FILE"
NODE_FILE = "FLOTILLA_UP_NODE_TOKEN_FILE"
OWN_DATABASE = "FLOTILLA_UP_OWN_DATABASE"
"""Set when the database is the data folder's own, which nobody else would bring to this version. One that is somebody
else's is set up when it is empty; what is in it already is changed by nobody but `flotilla db upgrade`.
"""


def plant(environ: MutableMapping[str, str]) -> None:
    """Takes its own settings out of the environment, which what follows does not know."""
    files = {role: environ.pop(key) for role, key in (("admin", ADMIN_FILE), ("node", NODE_FILE))}
    settings = Settings.from_environ(environ)
    own = environ.pop(OWN_DATABASE, "")
    if own or (settings.database_setup and sql.current(settings.database_url) is None):
        sql.upgrade(settings.database_url)
    store = bootstrap.store(settings)
    try:
        for role, file in files.items():
            ensure_token(store, Path(file).read_text().strip(), name=f"flotilla up, {role}", role=role)
    finally:
        store.close()


def ensure_token(store: Store, text: str, *, name: str, role: str) -> None:
    """A token that the store has is left as it is, also when it was revoked. The administrator's is the installation's
    own: it may make organizations, too.
    """
    _, token_id, secret = text.split("_", 2)

    def work(tx: Writer) -> None:
        if tx.token(token_id) is None:
            tx.save_token(
                Token(
                    id=token_id,
                    org_id=ORG,
                    name=name,
                    role=role,
                    scopes=(*SCOPES[role], SYSTEM) if role == "admin" else SCOPES[role],
                    secret_hash=hashlib.sha256(secret.encode()).hexdigest(),
                    created_at_us=tx.now_us,
                )
            )

    store.write(work)
