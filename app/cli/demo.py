"""`flotilla demo`: one real job from start to result, on a Flotilla of its own unless one is named.

Reads the Python standard library's own source, which every machine has, in some 260 tasks, and writes a report.
"""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from app.cli import profile
from app.cli.census_job import census_job
from app.cli.children import die_with_parent
from app.cli.client import Client, Json
from app.cli.demo_view import View, show_end
from app.cli.failures import JOB_FAILED, Failure
from app.cli.following import follow
from app.cli.profile import Profile

STOP_S = 60.0


@click.command()
@click.option("--url", help="Use this server and the token of FLOTILLA_TOKEN; its nodes must share this file system.")
@click.option("--data", metavar="DIR", help="Where the demo's own Flotilla keeps its data. [default: a new folder]")
@click.option("--out", metavar="DIR", help="Where the report goes. [default: report in the data folder]")
@click.option("--nodes", type=click.IntRange(1, 16), default=2, show_default=True, help="Nodes of its own Flotilla.")
@click.option("--timeout", type=click.FloatRange(1), default=600, show_default=True, metavar="SECONDS")
def demo(url: str | None, data: str | None, out: str | None, nodes: int, timeout: float) -> int:
    """A census of the Python standard library: a job of some 260 tasks, its progress, and a report with plots.

    It starts a Flotilla of its own, which ends with it; what was found stays.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise Failure("the demo draws with matplotlib, which is not installed", "pip install 'flotilla[demo,embedded]'")
    if url:
        folder = Path(out or "flotilla-demo").absolute()
        known = Profile(url=url.rstrip("/"), token=os.environ.get("FLOTILLA_TOKEN") or profile.load(os.environ).token)
        return _census(Client(known), folder, timeout, None)
    place = Path(data).expanduser().absolute() if data else _new_folder()
    with own_flotilla(place, nodes) as (known, started_s):
        click.echo(f"a Flotilla with {nodes} nodes is ready after {started_s:.1f} s at {known.url}", err=True)
        return _census(Client(known), Path(out).absolute() if out else place / "report", timeout, place)


def _census(client: Client, folder: Path, timeout_s: float, data: Path | None) -> int:
    began = time.monotonic()
    job_id = client.post("/v1/queues/@default/jobs", census_job(folder))["id"]
    with View(client) as view:
        for job in follow(client, [job_id], timeout_s, view.note):
            view.see(job)
    wall_s = time.monotonic() - began
    if job["state"] != "succeeded":
        raise JobFailed(_why(client, job), f"see: {again(data)} show {job['id']}")
    show_end(client, job, wall_s)
    _say_how_to_look_again(job, data)
    return 0


class JobFailed(Failure):
    code = JOB_FAILED


def _why(client: Client, job: Json) -> str:
    errors = (task for task in client.items(f"/v1/jobs/{job['id']}/tasks") if task["error"])
    failed = next((task for task in errors if task["state"] == "failed"), None)
    why = f": {failed['name']}: {failed['error']['message']}" if failed else ""
    return f"job {job['id']} {job['state']}{why}"


def again(data: Path | None) -> str:
    return "flotilla" if data is None else f"flotilla up --data {data} and then, from another shell, flotilla"


def _say_how_to_look_again(job: Json, data: Path | None) -> None:
    click.echo("\nLook again:")
    if data is not None:
        click.echo(f"  flotilla up --data {data}     # and from another shell, or at its address in a browser:")
    for line in (f"flotilla show {job['id']}", f"flotilla logs {job['id']}", "flotilla nodes"):
        click.echo(f"  {line}")


def _new_folder() -> Path:
    base = profile.data_path(os.environ).parent / "flotilla-demo"
    base.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=base))


@contextmanager
def own_flotilla(data: Path, nodes: int) -> Iterator[tuple[Profile, float]]:
    """A `flotilla up` of its own on a free port, and how long it took to be ready. It ends with the block."""
    began = time.monotonic()
    command = [sys.executable, "-m", "app.cli.main", "up", "--data", str(data), "--port", "0", "--no-profile"]
    kept = {key: value for key, value in os.environ.items() if key not in ("FLOTILLA_URL", "FLOTILLA_TOKEN")}
    process = subprocess.Popen(  # noqa: S603  # the command is ours
        [*command, "--nodes", str(nodes)],
        stdout=subprocess.PIPE,
        text=True,
        env=kept,
        process_group=0,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        url = _ready(process)
        yield Profile(url=url, token=(data / "token").read_text().strip()), time.monotonic() - began
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)


def _ready(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None  # noqa: S101  # it was started with a pipe
    for line in process.stdout:
        if line.startswith("ready "):
            return line.split()[1]
    raise Failure(f"the demo's own Flotilla did not start (exit code {process.wait()})", "see what it said above")
