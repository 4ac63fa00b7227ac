"""`flotilla report`: a job's report as one HTML file that can be sent, kept and opened anywhere."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from app.cli import find
from app.cli.client import connect
from app.cli.failures import Failure
from app.cli.reporting.gather import gather
from app.cli.reporting.page import page


@click.command()
@click.argument("job", metavar="JOB")
@click.option(
    "-o", "--output", "file", metavar="FILE|-", help="Where it goes. [default: report-<beginning of the id>.html]"
)
def report(job: str, file: str | None) -> None:
    """Write a report of a job: one HTML file with its graph, its timeline by node, what its tasks used, what it should
    have asked for instead, and its failures with their last words. It needs no server to be read.
    """
    client = connect()
    found = client.get(f"/v1/jobs/{find.job_id(client, job)}")
    text = page(gather(client, found), datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"), client.url)
    if file == "-":
        sys.stdout.write(text)
        return
    path = Path(file or f"report-{found['id'][:13]}.html")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as wrong:
        raise Failure(f"cannot write {path}: {wrong.strerror}", "name another file with -o") from None
    click.echo(path)
