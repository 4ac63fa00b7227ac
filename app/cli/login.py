"""`flotilla login`: how does a browser come in without typing a token?"""

import click

from app.cli.client import connect


@click.command()
def login() -> None:
    """Print a link that logs a browser in as you, once, within the next minutes."""
    client = connect()
    made = client.post("/ui/link")
    click.echo(f"{client.url}{made['path']}")
    click.echo(f"good once, for {made['expiresInSeconds'] // 60} minutes", err=True)
