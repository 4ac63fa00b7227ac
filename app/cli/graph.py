"""`flotilla graph`: a job's tasks and what they need, as text in layers, or in the words of Mermaid and Graphviz."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import click

from app.cli import find, glyphs
from app.cli.client import Json, connect
from app.cli.columns import counts_text, done_of
from app.cli.drawing import MOST_BOXES, Box, draw, said
from app.cli.output import COLOURS, cell, document, document_option, paint

FILLS = {
    "succeeded": "#b7e4c7",
    "failed": "#f4a7a7",
    "running": "#a9d6f5",
    "queued": "#cfe3f7",
    "ready": "#e3e9f2",
    "waiting": "#f1f1f1",
    "canceled": "#f6e3b4",
    "skipped": "#ece4d5",
}
NAMED_NEEDS = 4


@click.command()
@click.argument("job", metavar="JOB")
@click.option(
    "--format",
    "form",
    type=click.Choice(("text", "ascii", "mermaid", "dot")),
    default="text",
    show_default=True,
    help="ascii is text with plain signs; mermaid for Markdown, dot for Graphviz.",
)
@click.option("--all", "whole", is_flag=True, help="A line for every task: nothing is folded.")
@document_option
def graph(job: str, form: str, whole: bool, output: str) -> None:
    """Show the graph of a job: its tasks in layers, each with its state and what it needs.

    Tasks that are alike are folded: render-* x 400. With -o json the graph as the API answers.
    """
    client = connect()
    found = client.get(f"/v1/jobs/{find.job_id(client, job)}")
    drawn = client.get(f"/v1/jobs/{found['id']}/graph")
    if output != "table":
        click.echo(document(drawn, output))
        return
    boxes = draw(drawn, fold=not whole, most=None if whole else MOST_BOXES)
    write: dict[str, Callable[[Json, Sequence[Box]], str]] = {
        "text": as_text,
        "ascii": as_ascii,
        "mermaid": as_mermaid,
        "dot": as_dot,
    }
    click.echo(write[form](found, boxes))


def as_text(job: Json, boxes: Sequence[Box]) -> str:
    state = job["state"]
    head = f"{glyphs.sign(state)} {cell(job['name'])}  {state}  {done_of(job)}"
    lines = [paint(head, COLOURS.get(state, "reset")), paint(counts_text(job["counts"]) or "no tasks", "bright_black")]
    labels = [_label(box) for box in boxes]
    width = max(map(len, labels), default=0)
    for layer, group in groupby(range(len(boxes)), key=lambda place: boxes[place].layer):
        for number, place in enumerate(group):
            box = boxes[place]
            mark = paint(f"{layer + 1:>3} " if not number else "    ", "bright_black")
            colour = COLOURS.get(box.state, "reset")
            line = f"{mark}{paint(f'{glyphs.sign(box.state)} {labels[place].ljust(width)}', colour)}  {said(box)}"
            lines.append(line + _needs(box, labels))
    return "\n".join(lines)


def as_ascii(job: Json, boxes: Sequence[Box]) -> str:
    return glyphs.plain(as_text(job, boxes))


def _label(box: Box) -> str:
    name = cell(box.name)
    return _counted(name if len(name) <= 60 else f"{name[:57]}...", box)


def _counted(name: str, box: Box) -> str:
    count = box.values if box.size == 1 else box.size
    return name if count is None else f"{name} x {count:,}"


def _needs(box: Box, labels: Sequence[str]) -> str:
    if not box.needs:
        return ""
    named = ", ".join(labels[need] for need in box.needs[:NAMED_NEEDS])
    more = f" and {len(box.needs) - NAMED_NEEDS} more" if len(box.needs) > NAMED_NEEDS else ""
    return paint(f"  {glyphs.arrow()} {named}{more}", "bright_black")


def as_mermaid(job: Json, boxes: Sequence[Box]) -> str:
    """Whatever might mean something to Mermaid is written as its number."""
    lines = ["flowchart LR"]
    for place, box in enumerate(boxes):
        lines.append(f'  n{place}["{_mermaid(_title(box))}<br/>{said(box)}"]:::{box.state}')
    lines += [f"  n{need} --> n{place}" for place, box in enumerate(boxes) for need in box.needs]
    lines += [f"  classDef {state} fill:{fill},stroke:#555,color:#111" for state, fill in FILLS.items()]
    return "\n".join(lines)


def _title(box: Box) -> str:
    return _counted(cell(box.name), box)


def _mermaid(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in " .,_-/" else f"#{ord(letter)};" for letter in text)


def as_dot(job: Json, boxes: Sequence[Box]) -> str:
    lines = [f"digraph {_quoted(cell(job['name']))} {{", "  rankdir=LR;"]
    lines.append('  node [shape=box, style="rounded,filled", fontname="sans-serif"];')
    for place, box in enumerate(boxes):
        label = _quoted(_title(box))[:-1] + f'\\n{said(box)}"'
        lines.append(f'  n{place} [label={label}, fillcolor="{FILLS[box.state]}"];')
    lines += [f"  n{need} -> n{place};" for place, box in enumerate(boxes) for need in box.needs]
    return "\n".join([*lines, "}"])


def _quoted(text: Any) -> str:
    escaped = str(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
