"""How are the keys read that belong to one kind of executor: command, container, python or http?"""

import re
from urllib.parse import urlsplit

from worker.executors.callables import Table as Callables
from worker.executors.declared.declaration import Call, Image, Program, Service
from worker.executors.declared.images import check_image
from worker.executors.declared.parameters import Parameters
from worker.executors.declared.programs import known, read_program
from worker.executors.declared.tables import VARIABLE, Table
from worker.executors.declared.templates import read


def read_way(table: Table, kind: str, parameters: Parameters, callables: Callables) -> Program | Image | Call | Service:
    if kind == "python":
        return _call(table, callables)
    if kind == "http":
        return _service(table)
    if kind == "container":
        image = table.any("image")
        text = None if image is None else table.read("image", image, read)
        if text is not None:
            known(table, "image", [text], parameters)
            if not text.names:
                table.read("image", text.parts[0], check_image)
        rootfs = table.take("rootfs", str, "")
        if rootfs and not rootfs.startswith("/"):
            table.wrong("rootfs", "must be an absolute path, of a folder that holds an unpacked image")
        if image is None and not rootfs:
            table.wrong("image", "is missing; a container needs an image, or rootfs for runc")
        return Image(image=text, rootfs=rootfs, program=read_program(table, parameters, needs_argv=False))
    return read_program(table, parameters, needs_argv=True)


def _call(table: Table, callables: Callables) -> Call:
    name = table.take("callable", str, "", needed=True)
    if name and name not in callables.names():
        there = ", ".join(callables.names())
        table.wrong(
            "callable", f"{name!r} is not registered, by an entry point or in FLOTILLA_CALLABLES; there are {there}"
        )
    return Call(callable=name)


def _service(table: Table) -> Service:
    url = table.take("url", str, "", needed=True)
    if url:
        table.read("url", url, _check_url)
    headers = table.table("headers")
    said = {name: value for name, value in headers.items().items() if isinstance(value, str) and value.isprintable()}
    for name in headers.items():
        if name not in said or not re.fullmatch(r"[A-Za-z0-9-]+", name):
            headers.wrong(name, "must be a header's name with a string on one line")
    bearer = table.take("bearer", str, "")
    if bearer and not VARIABLE.fullmatch(bearer):
        table.wrong("bearer", "must be the name of the node's variable that holds the token")
    return Service(url=url, headers=said, bearer=bearer, cancel=table.take("cancel", bool, False))


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
        raise ValueError("must be http:// or https:// with a host, and without a user or a fragment")
    if parts.port == 0 or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("must be a URL with a port from 1 to 65535 and no spaces")
