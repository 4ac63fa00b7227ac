"""`flotilla healthcheck`: is the process beside which it is started well? For containers, pods and watchdogs."""

import time
from pathlib import Path

import click

from app.cli.failures import Failure

ASK_S = 5.0


@click.command()
@click.option("--url", metavar="URL", help="Ask there instead, as http://127.0.0.1:8080/readyz of a web process.")
@click.option("--file", metavar="FILE", envvar="FLOTILLA_ALIVE_FILE", help="[FLOTILLA_ALIVE_FILE]")
@click.option("--within", type=click.FloatRange(1), default=30, show_default=True, metavar="SECONDS")
def healthcheck(url: str | None, file: str | None, within: float) -> None:
    """Exit code 0 when the process is well, 1 when it is not.

    Web, engine and node touch the file of FLOTILLA_ALIVE_FILE again and again; well is what has done so within the last
    SECONDS. That the database or the broker is away is no illness of theirs.
    """
    click.echo(_ask(url) if url else _look(file, within))


def _look(file: str | None, within_s: float) -> str:
    if not file:
        raise Failure(
            "there is nothing to look at", "set FLOTILLA_ALIVE_FILE for it and for the process, or give --url"
        )
    try:
        age_s = max(0.0, time.time() - Path(file).stat().st_mtime)
    except OSError as problem:
        raise Failure(f"{file} cannot be seen: {problem.strerror}", "is the process started with it?") from None
    if age_s > within_s:
        raise Failure(f"{file} was touched {age_s:.0f} s ago, which is more than {within_s:g} s")
    return f"alive {age_s:.1f} s ago"


def _ask(url: str) -> str:
    import urllib3

    try:
        answer = urllib3.request("GET", url, timeout=ASK_S, retries=False)
    except urllib3.exceptions.HTTPError as problem:
        raise Failure(f"{url} does not answer: {problem}") from None
    if answer.status != 200:
        raise Failure(f"{url} answers {answer.status}: {answer.data.decode(errors='replace')[:1000]}")
    return "ok"
