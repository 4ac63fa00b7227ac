"""The command `flotilla`: which commands are there, and how does each end?

A command's module is imported when the command is called: `flotilla jobs` must not pay for what `flotilla up` needs.
"""

import gc
import importlib
import os
import sys
from collections.abc import Sequence

import click

from app.cli.failures import EXIT_CODES, Failure

COMMANDS = {
    # name: (module, help for the overview)
    "up": ("up", "Start everything on this machine."),
    "demo": ("demo", "A real job, its progress and its result."),
    "run": ("submit", "Run one program as a job and show its output."),
    "submit": ("submit", "Submit a job from a file."),
    "jobs": ("jobs", "List jobs."),
    "show": ("jobs", "Show a job, a task or a run."),
    "graph": ("graph", "Show a job's graph, as text or for Mermaid and Graphviz."),
    "wait": ("wait", "Wait until jobs have ended."),
    "watch": ("watch", "Watch a job until it has ended."),
    "top": ("top", "The nodes and the jobs, live."),
    "events": ("events", "What happened to jobs, as it happens."),
    "report": ("report", "Write a job's report: one HTML file."),
    "logs": ("logs", "Show what a job, a task or a run has said."),
    "outputs": ("assets", "List the files that a job, a task or a run left behind."),
    "assets": ("assets", "List stored files."),
    "upload": ("assets", "Store files."),
    "download": ("assets", "Fetch a stored file, or what a job left behind."),
    "explain": ("jobs", "Why a task is not running."),
    "cancel": ("control", "Cancel jobs."),
    "pause": ("control", "Let nothing more of a job start."),
    "resume": ("control", "Let a paused job go on."),
    "retry": ("control", "Run a job's failed tasks again, all of it, or one task and what needs it."),
    "nodes": ("fleet", "List the compute nodes."),
    "drain": ("fleet", "Let a node take nothing more."),
    "undrain": ("fleet", "Let a drained node take work again."),
    "queues": ("queues", "List the queues; pause, resume or limit one."),
    "template": ("templates", "Save jobs with questions, and start them with answers."),
    "secrets": ("secrets", "Store, list and delete secrets; rotate their key."),
    "token": ("tokens", "Make, list and revoke tokens."),
    "tokens": ("tokens", "The same as token."),
    "keys": ("keys", "Rotate the keys of an installation."),
    "openapi": ("describe", "Print the OpenAPI document of an API surface."),
    "completion": ("describe", "Print what makes a shell complete flotilla's words."),
    "login": ("login", "Print a link that logs a browser in."),
    "doctor": ("doctor", "Check this machine and the deployment."),
    "healthcheck": ("healthcheck", "Whether a web, engine or node process is well."),
    "archive": ("archive", "Read jobs that were archived before they went."),
    "backup": ("backup", "Copy all of an installation into one file."),
    "restore": ("backup", "Put a backup into an empty data folder."),
    "db": ("database", "The database's tables and first tokens: upgrade, contract, status, seed."),
    "web": ("processes", "The web process, in the foreground."),
    "engine": ("processes", "The engine process, in the foreground."),
    "executors": ("executors", "Check a file that declares executors."),
    "node": ("processes", "A node process, in the foreground."),
}


class Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        gc.disable()  # what is imported is no garbage, and looking for some takes a fifth of the time
        module = importlib.import_module(f"app.cli.{COMMANDS[cmd_name][0]}")
        gc.enable()
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101  # the table and the modules are tested together
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=Lazy, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="flotilla")
def flotilla() -> None:
    """Flotilla runs jobs made of tasks on a fleet of compute nodes.

    Commands other than up, demo, doctor, healthcheck, db, backup, restore, keys, web, engine and node talk to the
    server of FLOTILLA_URL with the token of FLOTILLA_TOKEN; without them to the one that `flotilla up` started last.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    try:
        code = flotilla.main(args=arguments, prog_name="flotilla", standalone_mode=False)
    except Failure as failure:
        first, *more = map(_printable, failure.what.splitlines())
        mark = "error:" if os.environ.get("NO_COLOR") else click.style("error:", fg="red", bold=True)
        click.echo(f"{mark} {first}", err=True)
        for line in (*more, *((f"  {failure.remedy}",) if failure.remedy else ())):
            click.echo(line, err=True)
        sys.exit(failure.code)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the flush at exit fails in silence
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)


def _printable(line: str) -> str:
    """An error may hold other people's names."""
    return "".join(letter if letter.isprintable() else " " for letter in line)


if __name__ == "__main__":
    main()
