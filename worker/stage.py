"""What does a run find on disk, and what is read back? Its scratch folder and the file for its result."""

import contextlib
import os
import shutil
from pathlib import Path

import orjson

from app.wire.claim import RunSpec
from app.wire.codec import Json

RESULT_NAME = ".flotilla-result.json"
RESULT_LIMIT = 256 * 1024


class ResultError(ValueError):
    """What the run left as its result cannot be taken; the text says why and what is allowed."""


def folder_of(root: Path, spec: RunSpec) -> Path:
    return root / f"{spec.run_id}.{spec.fence}"


def prepare(folder: Path) -> None:
    """A new empty scratch folder, even if a former life of the node left one there."""
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        remove(folder)
        os.mkdir(folder, 0o700)


def remove(folder: Path) -> None:
    """Takes away the scratch folder and all in it, as far as this user may."""
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return
    except OSError:
        with contextlib.suppress(OSError):
            os.chmod(folder, 0o700)
        shutil.rmtree(folder, ignore_errors=True)


def read_result(folder: Path) -> Json:
    """The JSON that the program wrote to the file named in FLOTILLA_RESULT; None when it wrote none."""
    try:
        descriptor = os.open(folder / RESULT_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ResultError(f"the file named in FLOTILLA_RESULT cannot be read: {problem.strerror}") from None
    with os.fdopen(descriptor, "rb") as source:
        return parse_result(source.read(RESULT_LIMIT + 1))


def parse_result(data: bytes) -> Json:
    if len(data) > RESULT_LIMIT:
        most = RESULT_LIMIT // 1024
        raise ResultError(f"the result is larger than {most} KiB; write large results to a declared output")
    if not data.strip():
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as problem:
        raise ResultError(f"the result is not JSON: {problem}") from None
