"""What does a run find on disk, and what is read back? Its scratch folder and the file for its result."""

import contextlib
import os
import shutil
from pathlib import Path

import orjson

from app.wire.claim import RunSpec
from app.wire.codec import Json
from worker.stage import beneath

RESULT_NAME = ".flotilla-result.json"
RESULT_LIMIT = 256 * 1024
"""What travels within a report; a larger result is stored as an asset."""
LARGEST_RESULT = 64 * 1024 * 1024
EDGE_BYTES = 256
FITTING = {b"{": b"}", b"[": b"]", b'"': b'"'}


class ResultError(ValueError):
    """What the run left as its result cannot be taken; the text says why and what is allowed."""


def folder_of(root: Path, spec: RunSpec) -> Path:
    return root / f"{spec.run_id}.{spec.fence}"


def has_files(spec: RunSpec) -> bool:
    """Then its folder is made before and removed after the executor has had it."""
    return bool(spec.inputs or spec.outputs)


def prepare(folder: Path) -> None:
    """A new empty scratch folder, even if a former life of the node left one there."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        remove(folder)
        os.mkdir(folder, 0o700)


def remove(folder: Path) -> None:
    """Takes away the scratch folder and all in it, as far as this user may; a file goes too."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def read_result(folder: Path) -> tuple[Json, Path | None]:
    """The JSON that the program wrote to the file named in FLOTILLA_RESULT; None when it wrote none.

    One that is too large for a report is moved out of the folder instead and its new place returned.
    """
    try:
        with beneath.opened(folder, RESULT_NAME) as (descriptor, size):
            if size <= RESULT_LIMIT:
                return parse_result(os.read(descriptor, RESULT_LIMIT + 1)), None
            _check_large(descriptor, size)
    except beneath.AbsentError:
        return None, None
    except beneath.PathError as problem:
        raise ResultError(f"the file named in FLOTILLA_RESULT {problem}") from None
    large = large_result(folder)
    os.rename(folder / RESULT_NAME, large)
    return None, large


def large_result(folder: Path, run_id: str = "") -> Path:
    """Where a large result waits to be stored: beside the folder, which may be gone by then."""
    return folder.with_name(f"{folder.name}{run_id}.result")


def parse_result(data: bytes) -> Json:
    if not data.strip():
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as problem:
        raise ResultError(f"the result is not JSON: {problem}") from None


def too_large(size: int) -> str:
    most = LARGEST_RESULT >> 20
    return f"the result has {size} bytes and at most {most} MiB are taken; write larger ones to a declared output"


def _check_large(descriptor: int, size: int) -> None:
    """Its edges alone: parsing it could take many times its size of the node's memory."""
    if size > LARGEST_RESULT:
        raise ResultError(too_large(size))
    first = os.pread(descriptor, EDGE_BYTES, 0).lstrip()[:1]
    last = os.pread(descriptor, EDGE_BYTES, size - EDGE_BYTES).rstrip()[-1:]
    if FITTING.get(first) != last:
        raise ResultError("the result is not JSON: it is no object, array or string from its first byte to its last")
