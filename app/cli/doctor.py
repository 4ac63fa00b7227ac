"""`flotilla doctor`: can this machine run Flotilla, is the deployment well and safe, and does it keep its promises?

Each check says what it saw; one that is not well says what to do. The checks are in `checks/`.
"""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from app.cli import profile
from app.cli.checks.finding import Finding
from app.cli.failures import Usage
from app.cli.output import as_line, document, document_option, paint

if TYPE_CHECKING:
    from app.cli.checks.bench import Outcome
    from app.cli.checks.place import Place

MARKS = {True: ("ok  ", "green"), None: ("note", "yellow"), False: ("FAIL", "red")}
OUTCOMES = {"held": ("held     ", "green"), "broken": ("BROKEN   ", "red"), "not tried": ("not tried", "yellow")}


@click.command()
@document_option
@click.option("--data", metavar="DIR", help="The data folder of `flotilla up`. [default: that of the profile]")
@click.option("--security", is_flag=True, help="The state of each control, instead.")
@click.option("--drill", is_flag=True, help="Try the promises on this deployment with small jobs, instead.")
@click.option("--queue", default="@default", show_default=True, help="The queue of the drill's jobs.")
@click.option(
    "--slack",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="What the drill adds to every bound, for its own requests and a busy machine.",
)
@click.option("--kill-node", metavar="NODE", help="The drill kills this node, which must run on this host.")
@click.option("--restart-broker", is_flag=True, help="The drill kills the private broker of `flotilla up`.")
@click.option("--i-mean-it", is_flag=True, help="Consent to --kill-node and --restart-broker: other runs suffer.")
def doctor(
    output: str,
    data: str | None,
    security: bool,
    drill: bool,
    queue: str,
    slack: float,
    kill_node: str | None,
    restart_broker: bool,
    i_mean_it: bool,
) -> int:
    """Check this machine, and the server of the profile. Exit code 1 when something is not well.

    The drill submits jobs of seconds, labelled flotilla-drill, and deletes them; it kills a run of its own, and nothing
    else unless it is told to.
    """
    from app.cli.checks import place

    if (kill_node or restart_broker) and not (drill and i_mean_it):
        raise Usage("--kill-node and --restart-broker end what others run", "say --drill and --i-mean-it with them")
    found = place.find(data)
    if drill:
        from app.cli.checks.bench import Trial
        from app.cli.checks.drill import run
        from app.cli.client import connect

        trial = Trial(client=connect(), place=found, queue=queue, slack_s=slack)
        return _drill(run(trial, kill_node=kill_node, restart_broker=restart_broker), output)
    return _check(_secure(found) if security else _well(found), output)


def _well(place: "Place") -> Iterable[Finding]:
    from app.cli.checks import deployment, host
    from app.cli.client import connect

    yield from host.host(place.folder.path if place.folder else profile.data_path(os.environ))
    yield from deployment.server(connect())
    yield from deployment.behind(place)


def _secure(place: "Place") -> Iterable[Finding]:
    from app.cli.checks.security import security
    from app.cli.client import connect

    return security(connect(), place)


def _check(findings: Iterable[Finding], output: str) -> int:
    """Each is shown when it is known: some take a moment."""
    seen = []
    for one in findings:
        seen.append(one)
        if output == "table":
            mark = paint(*MARKS[one.well])
            click.echo(f"{mark}  {one.what:18}{one.saw}" + (f"\n      {one.remedy}" if one.remedy else ""))
    if output != "table":
        told = [{"check": one.what, "ok": one.well is not False, "saw": one.saw, "remedy": one.remedy} for one in seen]
        _show(told, output)
    return 1 if any(one.well is False for one in seen) else 0


def _drill(outcomes: "Iterable[Outcome]", output: str) -> int:
    seen: list[Outcome] = []
    for one in outcomes:
        seen.append(one)
        if output == "table":
            took = f"{one.seconds:5.1f} s" if one.seconds is not None else "       "
            click.echo(f"{paint(*OUTCOMES[one.state])}  {one.promise:4}{took}  {one.what}: {one.saw}")
    if output != "table":
        keys = ("promise", "what", "state", "saw", "seconds")
        _show([{key: getattr(one, key) for key in keys} for one in seen], output)
    return 1 if any(one.state == "broken" for one in seen) else 0


def _show(told: Sequence[object], output: str) -> None:
    click.echo("\n".join(map(as_line, told)) if output == "ndjson" else document(list(told), output))
