"""Which files of this machine does a job name, and what are they on the server?

    "inputs": [{"source": {"file": "render.py"}, "target": {"path": "render.py"}}]      of a task, or of a map's task
    "values": {"source": {"file": "parts.jsonl"}}                                       of a map

The path is relative to the document's folder. The server knows no `file`: each is stored there under the checksum of
what is in it, so that what was sent once is not sent again, and its URI stands in the job in its place.
"""

import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.cli.assets import send
from app.cli.client import Client, Json
from app.cli.failures import Usage

SPACE = "local-files"
"""Where the server keeps them: their keys are their checksums and names."""

_EMPTY = "data:,"


def stored(client: Client, document: Json, folder: Path) -> Json:
    """The document with its files sent and named by their URIs. Raises Usage for a file that cannot be read."""
    digests = _digests(document, folder)
    return _replaced(document, folder, {path: _stored(client, path, digest) for path, digest in digests.items()})


def unsent(document: Json, folder: Path) -> Json:
    """For a look at the job alone: no file is sent, but each must be there."""
    return _replaced(document, folder, dict.fromkeys(_digests(document, folder), _EMPTY))


def _digests(document: Json, folder: Path) -> dict[Path, str]:
    """All of them before the first is sent."""
    found: dict[Path, str] = {}
    for place, owner, _ in _sources(document):
        path = folder / owner["source"]["file"]
        if path not in found:
            found[path] = _digest(path, place)
    return found


def _replaced(document: Json, folder: Path, uris: dict[Path, str]) -> Json:
    if not uris:
        return document
    document = copy.deepcopy(document)
    for _, owner, is_input in _sources(document):
        uri = uris[folder / owner["source"]["file"]]
        owner["source"] = {"uri": uri} if is_input else uri
    return document


def _sources(document: Json) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """(pointer, what has the source, whether it is an input). What is no job is left to the server to refuse."""
    for index, task in enumerate(_list(document, "tasks")):
        here = f"/tasks/{index}"
        for below, owner in (("", task), ("/task", task.get("task") if isinstance(task, dict) else None)):
            for number, each in enumerate(_list(owner, "inputs")):
                for found in _with_file(each):
                    yield f"{here}{below}/inputs/{number}/source", found, True
        for found in _with_file(task.get("values") if isinstance(task, dict) else None):
            yield f"{here}/values/source", found, False


def _list(owner: Json, key: str) -> list[Any]:
    found = owner.get(key) if isinstance(owner, dict) else None
    return found if isinstance(found, list) else []


def _with_file(owner: Json) -> Iterator[dict[str, Any]]:
    """It, if its source is a file."""
    source = owner.get("source") if isinstance(owner, dict) else None
    if isinstance(source, dict) and source.keys() == {"file"} and isinstance(source["file"], str):
        yield owner


def _stored(client: Client, path: Path, digest: str) -> str:
    key = f"{digest}/{path.name}"
    found = client.get("/v1/assets", space=SPACE, key=key)["items"]
    asset = next((each for each in found if each["checksum"] == f"sha256:{digest}"), None)
    return str((asset or send(client, path, space=SPACE, key=key))["uri"])


def _digest(path: Path, place: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as wrong:
        raise Usage(f"{place}: cannot read the file {path}: {wrong.strerror}") from None
