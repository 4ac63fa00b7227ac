"""`flotilla up`: everything on this machine in the foreground. What may it listen on, and what does it say?"""

import contextlib
import os
import select
import signal
import sys
from pathlib import Path
from types import FrameType

import click

from app.cli import profile
from app.cli.children import Child
from app.cli.data_folder import DataFolder
from app.cli.failures import Usage
from app.cli.machine import DEFAULT_PORT, FLOWER_PORT, LOOPBACK, free_port, host_cpus, host_memory_mb, next_free
from app.cli.plan import GRACE_S, Plan
from app.cli.stack import Stack

MEMORY_SHARE = 0.8
LOOK_S = 0.5
"""Between two looks at the children; the end of one is noticed at once."""


@click.command()
@click.option("--data", metavar="DIR", help="Where everything is kept. [default: ~/.local/share/flotilla]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="[default: 8080, or the next that is free; 0: any free one]"
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--cpus", type=click.FloatRange(0.1, 4096), help="Cpus of each node. [default: the machine's, shared out]"
)
@click.option(
    "--memory", type=click.IntRange(64), metavar="MB", help="Memory of each node. [default: 80 %, shared out]"
)
@click.option("--nodes", type=click.IntRange(0, 64), default=1, show_default=True, help="Compute nodes to start here.")
@click.option("--no-node", is_flag=True, help="Start no node; nodes of other machines may come.")
@click.option("--flower", is_flag=True, help="Start Flower too, on a port of its own.")
@click.option("--verbose", is_flag=True, help="Show the logs of all processes.")
@click.option("--no-profile", is_flag=True, help="Leave the command line's profile as it is.")
def up(
    data: str | None,
    port: int | None,
    host: str,
    cpus: float | None,
    memory: int | None,
    nodes: int,
    no_node: bool,
    flower: bool,
    verbose: bool,
    no_profile: bool,
) -> None:
    """Start everything on this machine: broker, web, engine, nodes.

    Ctrl-C drains and ends all of it; a second Ctrl-C stops at once. What was accepted is kept in the data folder.
    """
    if host not in LOOPBACK and os.environ.get("FLOTILLA_ANONYMOUS_ROLE"):
        what = f"--host {host} is open to the network and FLOTILLA_ANONYMOUS_ROLE lets anybody in"
        raise Usage(what, "unset one of them")
    folder = DataFolder(path=Path(data or profile.data_path(os.environ)).expanduser().absolute())
    folder.make()
    lock = folder.lock()
    nodes = 0 if no_node else nodes
    share = max(1, nodes)
    plan = Plan(
        data=folder,
        host=host,
        port=free_port(host, port),
        nodes=nodes,
        cpus=f"{cpus or max(1, host_cpus() // share):g}",
        memory_mb=memory or int(host_memory_mb() * MEMORY_SHARE / share),
        flower_port=next_free("127.0.0.1", FLOWER_PORT) if flower else None,
        grace_s=_grace_s(os.environ.get("FLOTILLA_GRACE_S")),
        environ=dict(os.environ),
    )
    if port is None and plan.port != DEFAULT_PORT:
        say(f"port {DEFAULT_PORT} is taken; using {plan.port}")
    sys.exit(run(plan, lock, verbose=verbose, write_profile=not no_profile))


def run(plan: Plan, lock: int, *, verbose: bool, write_profile: bool) -> int:
    signals = Signals()
    stack = Stack(plan=plan, lock=lock, tell=warn, hurried=lambda: signals.count > 1)
    try:
        if stack.start(lambda: not signals.count):
            if write_profile:
                profile.save(plan.environ, plan.url, plan.data.token_file)
            greet(plan, stack.login_path())
        tails = [Tail(child) for child in stack.children] if verbose else []
        while not signals.count:
            signals.wait(LOOK_S)
            stack.step()
            for tail in tails:
                tail.show()
        say("draining; Ctrl-C again stops at once")
    finally:
        stack.stop()
    say("stopped")
    return 0


def greet(plan: Plan, login_path: str | None) -> None:
    say(f"ready {plan.url}")
    if login_path:
        say(f"  browser {plan.url}{login_path}")
        say("          (logs in once, within 5 minutes; `flotilla login` prints another)")
    shares = f"{plan.cpus} cpu and {plan.memory_mb} MB" + (" each" if plan.nodes > 1 else "")
    say(f"  nodes   {plan.nodes}, with {shares}" if plan.nodes else "  nodes   none here")
    say(f"  data    {plan.data.path}")
    say(f"  token   {plan.data.token_file}")
    if plan.flower_port is not None:
        say(f"  flower  http://127.0.0.1:{plan.flower_port}")
    say("  stop    Ctrl-C drains, again stops at once")
    say("  next    flotilla run -- echo hello      (from any other shell)")


class Signals:
    """How often SIGINT, SIGTERM or SIGHUP came; the end of a child wakes the waiting too."""

    def __init__(self) -> None:
        self.count = 0
        self._wake, write_end = os.pipe()
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def wait(self, at_most_s: float) -> None:
        if select.select([self._wake], [], [], at_most_s)[0]:
            os.read(self._wake, 4096)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


class Tail:
    """What a child has logged since the last look, for --verbose."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._seen = 0

    def show(self) -> None:
        with self._child.log.open("rb") as log:
            size = os.fstat(log.fileno()).st_size
            log.seek(self._seen if self._seen <= size else 0)
            fresh = log.read()
            self._seen = log.tell()
        for line in fresh.decode(errors="replace").splitlines():
            click.echo(f"{self._child.program.name:8} {line}", err=True)


def _grace_s(text: str | None) -> float:
    try:
        return float(text) if text else GRACE_S
    except ValueError:
        raise Usage(f"FLOTILLA_GRACE_S={text!r} must be a number of seconds") from None


def say(text: str) -> None:
    """Whoever listened may be gone; that is no reason to end."""
    with contextlib.suppress(OSError):
        click.echo(text)


def warn(text: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(text, err=True)
