"""`flotilla openapi` and `completion`: documents for programs, about the API and about this command."""

import click
from click.shell_completion import get_completion_class

from app.cli.client import connect
from app.cli.failures import NotFound
from app.cli.output import document

SURFACES = ("native", "flow", "threekit", "metafold", "alteryx")
SHELLS = {
    "bash": 'eval "$(flotilla completion bash)"    in ~/.bashrc',
    "zsh": 'eval "$(flotilla completion zsh)"    in ~/.zshrc',
    "fish": "flotilla completion fish | source    in ~/.config/fish/config.fish",
}


@click.command()
@click.argument("surface", type=click.Choice(SURFACES), default="native")
@click.option("-o", "--output", type=click.Choice(("json", "yaml")), default="json", show_default=True)
def openapi(surface: str, output: str) -> None:
    """Print the OpenAPI 3.1 document of a surface, as the server has it: SURFACE is native unless another is named."""
    try:
        found = connect().get(f"/openapi/{surface}.json")
    except NotFound:
        raise NotFound(f"this server does not speak {surface}", "see its setting FLOTILLA_DIALECTS") from None
    click.echo(document(found, output))


@click.command(epilog="\b\nTo have it in every shell:\n" + "\n".join(f"  {how}" for how in SHELLS.values()))
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script with which SHELL completes the names of commands, options and their values."""
    words = get_completion_class(shell)
    assert words is not None  # noqa: S101  # click's own are these three
    click.echo(words(ctx.find_root().command, {}, "flotilla", "_FLOTILLA_COMPLETE").source())
