"""`flotilla doctor`: can this machine run Flotilla, and is the deployment well?

Each check says what it saw; one that is not well says what to do.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from app.adapters.embedded_broker import BrokerMissingError, find_program
from app.cli import profile
from app.cli.failures import Failure
from app.cli.machine import host_cpus, host_memory_mb
from app.cli.output import age, as_line, document, document_option, moment, paint

LEAST_DISK_GB = 2
LEAST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`well` is None for what works, and could be better."""

    what: str
    well: bool | None
    saw: str
    remedy: str = ""


@click.command()
@document_option
def doctor(output: str) -> int:
    """Check this machine, and the server of the profile. Exit code 1 when something is not well."""
    findings = [*host(), *deployment()]
    if output != "table":
        found = [{"check": one.what, "ok": one.well is not False, "saw": one.saw} for one in findings]
        click.echo("\n".join(map(as_line, found)) if output == "ndjson" else document(found, output))
    else:
        for one in findings:
            mark = {True: paint("ok  ", "green"), None: paint("note", "yellow"), False: paint("FAIL", "red")}[one.well]
            click.echo(f"{mark}  {one.what:18}{one.saw}" + (f"\n      {one.remedy}" if one.remedy else ""))
    return 1 if any(one.well is False for one in findings) else 0


def host() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding(what="python", well=sys.version_info >= LEAST_PYTHON, saw=version)
    yield Finding(what="machine", well=True, saw=f"{host_cpus()} cpus, {host_memory_mb()} MB of memory")
    yield _broker()
    yield _disk(profile.data_path(os.environ))
    yield _cgroup()


def _broker() -> Finding:
    try:
        return Finding(what="private broker", well=True, saw=str(find_program(os.environ.get("PATH", os.defpath))))
    except BrokerMissingError as error:
        return Finding(what="private broker", well=False, saw="no program", remedy=str(error))


def _disk(path: Path) -> Finding:
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free / 2**30
    writable = os.access(path, os.W_OK)
    saw = f"{free:.1f} GiB free at {path}" + ("" if writable else ", which this user cannot write to")
    remedy = "" if writable and free >= LEAST_DISK_GB else "choose another place with `flotilla up --data DIR`"
    return Finding(what="disk", well=writable and free >= LEAST_DISK_GB, saw=saw, remedy=remedy)


def _cgroup() -> Finding:
    """Whether limits of memory and cpu can be the kernel's; without that they are watched by sampling."""
    root = Path("/sys/fs/cgroup")
    unified = (root / "cgroup.controllers").exists()
    folder = root if unified else root / "memory"
    if os.access(folder, os.W_OK):
        return Finding(what="cgroups", well=True, saw=f"{'v2' if unified else 'v1'}, writable")
    remedy = "memory is limited by sampling; for the kernel's limits give this user a cgroup (systemd: Delegate=yes)"
    return Finding(what="cgroups", well=None, saw="not writable for this user", remedy=remedy)


def deployment() -> Iterator[Finding]:
    from app.cli.client import connect

    client = connect()
    try:
        client.get("/readyz")
    except Failure as gone:
        yield Finding(what="server", well=False, saw=gone.what, remedy=gone.remedy or "")
        return
    yield Finding(what="server", well=True, saw=f"{client.url} is ready")
    try:
        nodes = list(client.items("/v1/nodes"))
    except Failure as refused:
        yield Finding(what="nodes", well=False, saw=refused.what, remedy=refused.remedy or "")
        return
    if not nodes:
        yield Finding(what="nodes", well=False, saw="none", remedy="start one with `flotilla node`")
    for node in nodes:
        saw = (
            f"{node['state']}, heard of {age(node['heartbeatAt'])} ago"
            if moment(node["heartbeatAt"])
            else node["state"]
        )
        well = {"online": True, "lost": False, "late": False}.get(node["state"])
        yield Finding(what=f"node {node['name']}"[:17], well=well, saw=saw)
