"""`flotilla executors`: what a node's operator does before he gives it a file of declared executors."""

import subprocess
import sys

import click


@click.group()
def executors() -> None:
    """Executors that a node declares in a TOML file (FLOTILLA_EXECUTORS_FILE)."""


@executors.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check(files: tuple[str, ...]) -> int:
    """Say what the files declare, or all that is wrong with them, each with its key; the exit code is then 2."""
    # Reading them is the node's part, and the API's programs do not import it.
    return subprocess.run([sys.executable, "-m", "worker.executors.check", *files], check=False).returncode  # noqa: S603
