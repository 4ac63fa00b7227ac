"""`flotilla nodes`, `drain`, `undrain` and `queues`: the machines, and what waits for them."""

import click

from app.cli import find
from app.cli.client import Json, connect
from app.cli.columns import NODES, counts_text
from app.cli.output import Column, output_option, show_list

QUEUES = (
    Column(title="name", value=lambda queue: queue["name"]),
    Column(title="tasks", value=lambda queue: counts_text(queue.get("counts") or {})),
)


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


@click.command()
@output_option
def queues(output: str) -> None:
    """List the queues and the tasks in each."""
    found: list[Json] = list(connect().items("/v1/queues"))
    if output == "id":
        for queue in found:
            click.echo(queue["name"])
    else:
        show_list(found, QUEUES, output, empty="no queues")
