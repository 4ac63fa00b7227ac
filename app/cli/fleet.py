"""`flotilla nodes`, `drain` and `undrain`: the machines."""

import click

from app.cli import find
from app.cli.client import connect
from app.cli.columns import NODES
from app.cli.output import output_option, show_list


@click.command()
@output_option
def nodes(output: str) -> None:
    """List the compute nodes: what they have, what is free, when they were last heard of."""
    show_list(connect().items("/v1/nodes"), NODES, output, empty="no nodes; start one with: flotilla node")


@click.command()
@click.argument("node", metavar="NODE")
@output_option
def drain(node: str, output: str) -> None:
    """Let a node finish what it runs and take nothing more. NODE is an id or a name."""
    _switch(node, "drain", output)


@click.command()
@click.argument("node", metavar="NODE")
@output_option
def undrain(node: str, output: str) -> None:
    """Let a drained node take work again. NODE is an id or a name."""
    _switch(node, "undrain", output)


def _switch(text: str, verb: str, output: str) -> None:
    client = connect()
    show_list([client.post(f"/v1/nodes/{find.node_id(client, text)}/{verb}")], NODES, output, empty="")
