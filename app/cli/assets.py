"""`flotilla upload`, `download`, `assets` and `outputs`: files to the server, and files from it.

A file is sent as an upload of one part: the server has all of it or nothing, whatever is killed on the way.
"""

import contextlib
import hashlib
import mimetypes
from collections.abc import Iterator
from pathlib import Path

import click

from app.cli import find
from app.cli.client import Client, Json, connect
from app.cli.failures import Failure, NotFound, ServerAway, Usage
from app.cli.output import Column, age, output_option, show_list, size
from app.wire.outputs import ASSET_SCHEME

SIZE = Column(title="size", value=lambda item: size(item["size"]), right=True)
FILENAME = Column(title="file", value=lambda item: item["filename"])
ASSETS = (
    Column(title="id", value=lambda item: item["id"]),
    SIZE,
    Column(title="age", value=lambda item: age(item["createdAt"]), right=True),
    FILENAME,
)
OUTPUTS = (
    Column(title="asset", value=lambda item: item["assetId"]),
    SIZE,
    Column(title="task", value=lambda item: item["task"]),
    Column(title="name", value=lambda item: item["name"]),
    FILENAME,
)


@click.command()
@click.option("--project", metavar="ID", help="Only those of this project.")
@click.option("-n", "--limit", type=click.IntRange(1), default=20, show_default=True, help="At most so many.")
@output_option
def assets(project: str | None, limit: int, output: str) -> None:
    """List stored files, the newest first."""
    found = connect().items("/v1/assets", limit=limit, projectId=project)
    show_list(found, ASSETS, output, empty="no files; try: flotilla upload FILE")


@click.command()
@click.argument("what", metavar="JOB|TASK|RUN")
@click.option(
    "--to", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Fetch them all, as download does."
)
@output_option
def outputs(what: str, folder: Path | None, output: str) -> None:
    """List the files that a job, a task or a run left behind. With -o id: the assets' ids."""
    client = connect()
    found = _left(client, what)
    if folder is None:
        show_list(found, OUTPUTS, output, empty="no files")
    else:
        _save(client, found, folder, force=False)


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--project", metavar="ID", help="The project that they belong to. [default: the default project]")
@output_option
def upload(files: tuple[Path, ...], project: str | None, output: str) -> None:
    """Store files. The URI flotilla:<id> then names one as an input's source."""
    client = connect()
    show_list([send(client, path, projectId=project) for path in files], ASSETS, output, empty="no files")


def send(client: Client, path: Path, **place: str | None) -> Json:
    """`place` is of the upload's: projectId, or space and key. Raises Usage for a file that cannot be read."""
    asked = {"filename": path.name, "mediaType": mimetypes.guess_type(path.name)[0], **place}
    try:
        file = path.open("rb")
    except OSError as wrong:
        raise Usage(f"cannot read {path}: {wrong.strerror}") from None
    with file:
        begun = client.post("/v1/uploads", {key: value for key, value in asked.items() if value})
        etag = client.put_file(begun["urls"][0], file)
    parts = [{"part": 1, "etag": etag}]
    return client.post("/v1/uploads/complete", {"uploadId": begun["uploadId"], "parts": parts})


@click.command()
@click.argument("what", metavar="ASSET|JOB|TASK|RUN")
@click.argument("names", metavar="[NAME...]", nargs=-1)
@click.option("--to", "folder", metavar="DIR", default=".", type=click.Path(path_type=Path), help="[default: here]")
@click.option("--force", is_flag=True, help="Replace files that are there.")
def download(what: str, names: tuple[str, ...], folder: Path, force: bool) -> None:
    """Fetch a stored file, or all that a job, a task or a run left behind, or only the outputs named."""
    client = connect()
    _save(client, list(_wanted(client, what, names)), folder, force=force)


def _save(client: Client, found: list[Json], folder: Path, *, force: bool) -> None:
    places = _places(found, folder)
    for place in places:
        if place.exists() and not force:
            raise Usage(f"{place} is there already", "choose a folder with --to, or replace it with --force")
    for asset, place in zip(found, places, strict=True):
        _fetch(client, asset, place)
        click.echo(place)


def _wanted(client: Client, what: str, names: tuple[str, ...]) -> Iterator[Json]:
    what = what.removeprefix(ASSET_SCHEME)
    if len(what) >= find.FULL_LENGTH and not names:
        try:
            yield client.get(f"/v1/assets/{what}")
        except NotFound:
            pass
        else:
            return
    left = _left(client, what)
    for name in names:
        if all(each["name"] != name for each in left):
            known = ", ".join(sorted({each["name"] for each in left})) or "none"
            raise NotFound(f"{what} left no file {name!r}; it has: {known}")
    yield from (each for each in left if not names or each["name"] in names)


def _left(client: Client, what: str) -> list[Json]:
    kind, item = find.thing(client, what)
    return [{**each, "id": each["assetId"]} for each in client.items(f"/v1/{kind}/{item['id']}/outputs")]


def _places(found: list[Json], folder: Path) -> list[Path]:
    """A file of a map's value has the value's number before its name, as a run that takes all of them finds it. Of
    files with one name the later ones have their asset's id before it.
    """
    places: dict[Path, None] = {}
    for asset in found:
        name = Path(asset["filename"]).name or asset["id"]
        index = asset.get("mapIndex")
        place = folder / (name if index is None else f"{index:06d}-{name}")
        places[folder / f"{asset['id']}-{name}" if place in places else place] = None
    return list(places)


def _fetch(client: Client, asset: Json, place: Path) -> None:
    """Whole and as it was stored, or not at all."""
    beside = place.with_name(f".{place.name[-200:]}.part")
    digest = hashlib.sha256()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            for piece in client.fetch(f"/v1/assets/{asset['id']}/content"):
                digest.update(piece)
                file.write(piece)
        if f"sha256:{digest.hexdigest()}" != asset["checksum"]:
            raise ServerAway(f"{asset['filename']} came other than it was stored", "try again")
        beside.replace(place)
    except OSError as wrong:
        raise Failure(f"cannot write {place}: {wrong.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
