"""What may a node fetch and store, from where, how large, and how long may it take? Values; does nothing."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.wire.addresses import Gate, Place

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`server_url` is where the API is, `ca_file` whose certificate it may have; `file_roots` are the folders that
    `file:` may read.
    """

    server_url: str
    ca_file: str = ""
    gate: Gate = field(default_factory=Gate)
    file_roots: tuple[Path, ...] = ()
    file_bytes: int = 10 * 1024 * MIB
    transfer_s: float = 3600.0

    def server(self, path: str) -> Place:
        """A place of the API; `path` begins with a slash and may have a query."""
        parts = urlsplit(self.server_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return Place(
            scheme=parts.scheme,
            host=parts.hostname or "localhost",
            port=port,
            target=parts.path.rstrip("/") + path,
        )

    @property
    def too_large(self) -> str:
        return f"is larger than the {self.file_bytes // MIB} MB that a file may have here (FLOTILLA_FILE_MB)"
