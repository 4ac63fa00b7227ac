"""`flotilla template`: jobs that are saved, and started again and again."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import click

from app.cli import local_files
from app.cli.client import Json, connect
from app.cli.columns import AGE, ID, JOB, NAME
from app.cli.documents import folder_of, read_document, read_json, value_of
from app.cli.failures import Usage
from app.cli.output import Column, output_option, show_list, show_one
from app.cli.wait import wait_for

TEMPLATES = (
    ID,
    Column(title="version", value=lambda item: item["version"], right=True),
    Column(title="runs", value=lambda item: item["runs"], right=True),
    AGE,
    NAME,
)
TEMPLATE = (
    ID,
    NAME,
    Column(title="description", value=lambda item: item["description"]),
    Column(title="kind", value=lambda item: item["kind"]),
    Column(title="version", value=lambda item: item["version"]),
    Column(title="runs", value=lambda item: item["runs"]),
    Column(title="created", value=lambda item: f"{item['createdAt']} by {item['createdBy']}"),
    Column(title="tasks", value=lambda item: len(item["job"]["tasks"])),
)
QUESTIONS = (
    Column(title="question", value=lambda item: item["name"]),
    Column(title="type", value=lambda item: ", ".join(item["choices"]) or item["type"]),
    Column(title="default", value=lambda item: "" if item["default"] is None else json.dumps(item["default"])),
    Column(title="required", value=lambda item: "yes" if item["required"] else ""),
    Column(title="what", value=lambda item: item["description"]),
)


@click.group()
def template() -> None:
    """Save jobs with questions, and start them with answers."""


@template.command()
@click.argument("file", metavar="FILE|-")
@click.option("--name", help="In place of the document's.")
@click.option("--questions", metavar="FILE", help="Its questions, a JSON array.")
@click.option("--as-version-of", "template_id", metavar="ID", help="Save it as the next version of this template.")
@output_option
def save(file: str, name: str | None, questions: str | None, template_id: str | None, output: str) -> None:
    """Save a template: {"name": ..., "job": {"name": ..., "tasks": [...]}, "questions": [...]}, or a job alone.

    Files of this machine that the job names are stored with it, as `flotilla submit` does. With --questions the job is
    one that can be submitted too: its parameters are the answers to questions of their names, unless others are given.
    """
    document = read_document(file)
    if "job" not in document:
        document = {"job": document}
    document |= {"name": name} if name else {}
    if questions:
        document |= asked(document["job"], read_json(questions))
    client = connect()
    document["job"] = local_files.stored(client, document["job"], folder_of(file))
    path = f"/v1/templates/{template_id}/versions" if template_id else "/v1/templates"
    show_one(client.post(path, document), TEMPLATE, output)


@template.command("list")
@click.option("--name", help="Only those of exactly this name.")
@output_option
def list_(name: str | None, output: str) -> None:
    """List templates, the newest first."""
    found = connect().items("/v1/templates", name=name)
    show_list(found, TEMPLATES, output, empty="no templates; save one with `flotilla template save`")


@template.command()
@click.argument("id_", metavar="ID")
@output_option
def show(id_: str, output: str) -> None:
    """Show a template and its questions."""
    found = connect().get(f"/v1/templates/{id_}")
    show_one(found, TEMPLATE, output)
    if output == "table" and found["questions"]:
        click.echo()
        show_list(found["questions"], QUESTIONS, output, empty="")


@template.command()
@click.argument("id_", metavar="ID")
@click.argument("answers", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--name", help="The job's name, in place of the saved one.")
@click.option("--priority", type=click.IntRange(0, 100), help="In place of the saved one; higher goes first.")
@click.option("--tag", help="Only nodes with this tag, for all of its tasks.")
@click.option("--wait", "waits", is_flag=True, help="Wait until it has ended; exit code 1 when it did not succeed.")
@click.option("--timeout", type=click.FloatRange(0), metavar="SECONDS", help="With --wait: give up after so long.")
@output_option
def run(
    id_: str,
    answers: tuple[str, ...],
    name: str | None,
    priority: int | None,
    tag: str | None,
    waits: bool,
    timeout: float | None,
    output: str,
) -> int:
    """Start a job from a template. A question that takes several answers is answered by several NAME=VALUE."""
    client = connect()
    questions = {each["name"]: each for each in client.get(f"/v1/templates/{id_}")["questions"]}
    body: dict[str, Any] = {"parameters": _answers(answers, questions)}
    body |= {key: value for key, value in (("name", name), ("priority", priority), ("tag", tag)) if value is not None}
    job = client.post(f"/v1/templates/{id_}/jobs", body)
    if not waits:
        show_one(job, JOB, output)
        return 0
    return wait_for(client, [job["id"]], timeout_s=timeout, cancel_on_interrupt=False, output=output)


@template.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def delete(ids: tuple[str, ...]) -> None:
    """Delete templates; jobs that were started from them stay."""
    client = connect()
    for id_ in ids:
        client.delete(f"/v1/templates/{id_}")


def asked(job: Json, questions: Json) -> dict[str, Json]:
    """The job without the parameters that are asked for, which are the questions' defaults."""
    parameters = job.get("parameters") if isinstance(job, dict) else None
    if not isinstance(parameters, dict) or not isinstance(questions, list):
        return {"job": job, "questions": questions}
    names = {each.get("name") for each in questions if isinstance(each, dict)}
    with_defaults = [
        {"default": parameters[each["name"]], **each}
        if isinstance(each, dict) and each.get("name") in parameters and not each.get("required")
        else each
        for each in questions
    ]
    left = {name: value for name, value in parameters.items() if name not in names}
    return {"job": {**job, "parameters": left}, "questions": with_defaults}


def _answers(given: Iterable[str], questions: Mapping[str, Json]) -> dict[str, Any]:
    """What is no question is a parameter of the job, and JSON where it can be read as that."""
    values: dict[str, list[Any]] = defaultdict(list)
    for each in given:
        name, equals, text = each.partition("=")
        if not equals:
            raise Usage(f"{each} is no answer", "write NAME=VALUE")
        is_text = questions.get(name, {}).get("type") in ("text", "choice", "date")
        values[name].append(text if is_text else value_of(text))
    return {
        name: several if questions.get(name, {}).get("multiple") or len(several) > 1 else several[0]
        for name, several in values.items()
    }
