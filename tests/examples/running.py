"""What each example is run with, and how its pictures are judged."""

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from tests.e2e.fleet import Fleet

FOLDER = Path(__file__).parent


def submitted(fleet: Fleet, example: str, *options: str) -> str:
    """As its README says, from the command line; the job's id, once it has succeeded."""
    done = fleet.cli("submit", str(FOLDER / example / "job.json"), "--wait", "-o", "json", *options)
    assert done.returncode == 0, done.stdout + done.stderr + fleet.logs()
    (job,) = json.loads(done.stdout)
    return str(job["id"])


def result(fleet: Fleet, job_id: str, task: str) -> Any:
    return fleet.tasks(job_id)[task]["result"]


def downloaded(fleet: Fleet, job_id: str, output: str, folder: Path) -> bytes:
    done = fleet.cli("download", job_id, output, "--to", str(folder))
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()).read_bytes()


def picture(content: bytes, *, least_colours: int = 1000) -> Image.Image:
    """A whole picture, that shows something."""
    with Image.open(io.BytesIO(content)) as image:
        image.verify()
    opened: Image.Image = Image.open(io.BytesIO(content))
    colours = opened.convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert len(colours) >= least_colours
    return opened


def ready_made(example: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / example / "job.json").read_text())
    return document
