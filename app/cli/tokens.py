"""`flotilla token`: who may do what at the API."""

import click

from app.cli.client import Json, connect
from app.cli.columns import TOKENS
from app.cli.output import DOCUMENTS, document, output_option, show_list

ROLES = ("viewer", "member", "curator", "admin", "node")


@click.group()
def token() -> None:
    """Make, list and revoke tokens. Asks for a token that may administer."""


tokens = token


@token.command()
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), help="[default: the user's, else member]")
@click.option("--scope", "scopes", multiple=True, help="Only this of what the role may do; may be repeated.")
@click.option("--user", metavar="ID", help="Whose it is.")
@click.option("--expires", type=click.IntRange(1), metavar="SECONDS", help="Valid for so long. [default: for ever]")
@output_option
def create(
    name: str, role: str | None, scopes: tuple[str, ...], user: str | None, expires: int | None, output: str
) -> None:
    """Make a token and print it, this once: it is not kept in a readable form."""
    body: dict[str, object] = {"name": name}
    body |= {"role": role} if role else {}
    body |= {"userId": user} if user else {}
    body |= {"scopes": list(scopes)} if scopes else {}
    body |= {"expiresInSeconds": expires} if expires else {}
    _show(connect().post("/v1/tokens", body), output)


@token.command()
@click.argument("name", default="node")
@output_option
def join(name: str, output: str) -> None:
    """Make a token with which one new node may join within an hour, and print it.

    On the other machine: flotilla node --join URL --token TOKEN
    """
    _show(connect().post("/v1/tokens", {"name": name, "role": "join"}), output)


@token.command()
@click.argument("id_", metavar="ID")
@output_option
def rotate(id_: str, output: str) -> None:
    """Give a token a new text and print it; the old text is worthless within seconds."""
    _show(connect().post(f"/v1/tokens/{id_}/rotate"), output)


@token.command("list")
@output_option
def list_(output: str) -> None:
    """List the tokens, without their secrets."""
    show_list(connect().items("/v1/tokens"), TOKENS, output, empty="no tokens")


@token.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def revoke(ids: tuple[str, ...]) -> None:
    """Make tokens worthless within seconds. ID is the part of the token after fl_."""
    client = connect()
    for token_id in ids:
        client.delete(f"/v1/tokens/{token_id}")
        click.echo(f"revoked {token_id}")


def _show(made: Json, output: str) -> None:
    if output in DOCUMENTS:
        click.echo(document(made, output))
    else:
        click.echo(made["id"] if output == "id" else made["token"])
