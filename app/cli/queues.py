"""`flotilla queues`: what waits in each queue, and what holds it: pause, resume, limits."""

from typing import Final
from urllib.parse import quote

import click

from app.cli.client import Json, connect
from app.cli.columns import counts_text
from app.cli.failures import Usage
from app.cli.output import Column, age, output_option, show_list

NONE: Final = "none"


def _held(queue: Json) -> str:
    words = ["paused"] if queue.get("paused") else []
    if limit := queue.get("maxRunning"):
        words.append(f"at most {limit} at once")
    if limit := queue.get("maxStartsPerMinute"):
        words.append(f"at most {limit} a minute")
    return ", ".join(words)


def _rates(queue: Json) -> str:
    return f"{queue.get('perMinuteIn', 0):g} in, {queue.get('perMinuteOut', 0):g} out"


def _served_by(queue: Json) -> str:
    names = [node["name"] + ("" if node["takesWork"] else " (draining)") for node in queue.get("nodes") or ()]
    return ", ".join(names) or "nobody"


QUEUES: Final = (
    Column(title="name", value=lambda queue: queue["name"]),
    Column(title="depth", value=lambda queue: queue.get("depth", 0), right=True),
    Column(title="oldest", value=lambda queue: age(queue["oldestAt"]) if queue.get("oldestAt") else "", right=True),
    Column(title="running", value=lambda queue: queue.get("running", 0), right=True),
    Column(title="a minute", value=_rates),
    Column(title="tasks", value=lambda queue: counts_text(queue.get("counts") or {})),
    Column(title="held", value=_held),
    Column(title="served by", value=_served_by),
)


@click.group(invoke_without_command=True)
@output_option
@click.pass_context
def queues(context: click.Context, output: str) -> None:
    """List the queues: what waits in each, how quickly it empties, what holds it, who serves it.

    With a command: pause, resume or limit one. That asks for a token that may administer.
    """
    if context.invoked_subcommand is None:
        _show(list(connect().items("/v1/queues")), output)


@queues.command()
@click.argument("queue", metavar="QUEUE")
@output_option
def pause(queue: str, output: str) -> None:
    """Let nothing more of a queue start; what runs goes on."""
    _show([connect().post(f"{_path(queue)}/pause")], output)


@queues.command()
@click.argument("queue", metavar="QUEUE")
@output_option
def resume(queue: str, output: str) -> None:
    """Let a paused queue go on."""
    _show([connect().post(f"{_path(queue)}/resume")], output)


@queues.command()
@click.argument("queue", metavar="QUEUE")
@click.option("--running", metavar="N", help="So many of it may run at once; none for no limit.")
@click.option("--per-minute", metavar="N", help="So many of it may start a minute; none for no limit.")
@output_option
def limit(queue: str, running: str | None, per_minute: str | None, output: str) -> None:
    """Limit how many runs of a queue there are at once, or how many start a minute."""
    given = {"maxRunning": running, "maxStartsPerMinute": per_minute}
    change = {name: _whole(text) for name, text in given.items() if text is not None}
    if not change:
        raise Usage("nothing to change", "give --running N or --per-minute N; N may be none")
    _show([connect().patch(_path(queue), change)], output)


def _whole(text: str) -> int | None:
    if text.lower() == NONE:
        return None
    if not text.isascii() or not text.isdigit():
        raise Usage(f"{text!r} is no limit", f"give a whole number, or {NONE} for no limit")
    return int(text)


def _path(queue: str) -> str:
    return f"/v1/queues/{quote(queue, safe='')}"


def _show(found: list[Json], output: str) -> None:
    if output == "id":
        for queue in found:
            click.echo(queue["name"])
    else:
        show_list(found, QUEUES, output, empty="no queues")
