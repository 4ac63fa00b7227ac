"""Which server does a client command talk to, and as whom?

FLOTILLA_URL and FLOTILLA_TOKEN, else the profile that `flotilla up` wrote: {"url": ..., "tokenFile": ...}. The token
itself stays in its file in the data folder.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.cli.failures import Usage

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`token` is None where nobody gave one: a server may let such requests in."""

    url: str
    token: str | None


def profile_path(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "flotilla" / "profile.json"


def data_path(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "flotilla"


def load(environ: Mapping[str, str]) -> Profile:
    """Raises Usage when the profile cannot be read."""
    url, token = environ.get("FLOTILLA_URL"), environ.get("FLOTILLA_TOKEN")
    path = profile_path(environ)
    kept = {} if (url and token) or not path.exists() else _read(path)
    known = str(kept.get("url") or DEFAULT_URL)
    if token is None and kept.get("tokenFile") and url in (None, known):
        token = _token(Path(str(kept["tokenFile"])))
    return Profile(url=(url or known).rstrip("/"), token=token)


def save(environ: Mapping[str, str], url: str, token_file: Path) -> Path:
    path = profile_path(environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps({"url": url, "tokenFile": str(token_file)}, indent=1) + "\n")
    beside.replace(path)
    return path


def _read(path: Path) -> dict[str, object]:
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Usage(f"cannot read the profile {path}: {error}", "remove it, or start `flotilla up` again") from None
    return kept if isinstance(kept, dict) else {}


def _token(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None
