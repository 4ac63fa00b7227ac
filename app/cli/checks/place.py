"""Where is the installation that is looked at: its server, and as far as this host knows it its settings and data?"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from app.adapters.embedded_broker import BrokerMissingError, embedded_broker
from app.cli import profile
from app.cli.data_folder import DataFolder
from app.cli.failures import Usage
from app.cli.plan import BROKER_KEYS, DATABASE_KEYS, SECRETS_KEYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """`folder` is the data folder of a `flotilla up` on this host; `environ` the settings of its servers, empty where
    this host knows none.
    """

    folder: DataFolder | None
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def node_token(self) -> str:
        """A token that speaks for any node; empty where there is none."""
        if self.folder and self.folder.node_token_file.exists():
            return self.folder.node_token_file.read_text().strip()
        return os.environ.get("FLOTILLA_NODE_TOKEN", "")

    @property
    def private_broker(self) -> bool:
        return self.folder is not None and not any(os.environ.get(key) for key in BROKER_KEYS)


def find(data: str | None) -> Place:
    """By `--data`, by the profile that `flotilla up` wrote, or by the environment of a server. Raises Usage."""
    path = Path(data).expanduser().absolute() if data else _of_profile()
    if path is not None and not path.is_dir():
        raise Usage(f"there is no data folder {path}")
    known = any(os.environ.get(key) for key in DATABASE_KEYS)
    if path is None:
        return Place(folder=None, environ=dict(os.environ) if known else {})
    folder = DataFolder(path=path)
    environ = dict(os.environ)
    if not any(environ.get(key) for key in SECRETS_KEYS):
        environ["FLOTILLA_SECRETS_KEY_FILE"] = str(folder.secrets_key_file)
    if not known:
        environ["FLOTILLA_DATABASE_URL"] = folder.database_url
    if not any(environ.get(key) for key in BROKER_KEYS):
        with suppress(BrokerMissingError):
            environ["FLOTILLA_BROKER_URL"] = embedded_broker(path, os.environ).url
    return Place(folder=folder, environ=environ)


def _of_profile() -> Path | None:
    """Only when it is the server that commands talk to."""
    try:
        kept = json.loads(profile.profile_path(os.environ).read_text())
        path = Path(str(kept["tokenFile"])).parent
    except (OSError, ValueError, KeyError):
        return None
    url = os.environ.get("FLOTILLA_URL")
    return path if (path / "lock").exists() and url in (None, kept.get("url")) else None
