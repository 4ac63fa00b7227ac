"""The warden: a small process that owns the process tree of one slot. A program of its own, started by `supervise.py`.

Why a process: starting a child from a small process stalls no other slot; being the subreaper it keeps every
descendant, double-forked ones too, so that nothing of a run survives it; and when the node dies, however it dies, the
socket closes and the tree is ended at once. It imports next to nothing, so that it starts in about 20 ms.

    node -> warden   {"op": "run", "run", "argv", "env", "cwd", "stdin", "watch", "limitS", "graceS", "memoryMib",
                      "cpuMilli", "wrapped", "last"}, one or several, which run one after another;
                     {"op": "end", "run", "why", "graceS"} of one of them; {"op": "limit", "memoryMib", "cpuMilli"}
                     and {"op": "sync"} of the one that runs; end of file: end all
    warden -> node   {"lines": [[at, stream, text], ...]}, {"began", "sample": [at, ...]}, {"pid"} of what is not
                     watched, {"synced"} when all output so far has been told, and for each run in turn one
                     {"ended": {...}}, {"refused": {...}} or, when it was ended before it began, {"skipped": {"at"}};
                     times are seconds of CLOCK_MONOTONIC
"""

import ctypes
import json
import os
import resource
import select
import signal
import socket
import sys
import time

from worker.cgroup import Group
from worker.tree import READ_BYTES, Message, Tree

PR_SET_CHILD_SUBREAPER = 36
SKIP = "skip"
"""What becomes of the order of a run that is told to end before it has begun."""
MOST_FILES = 8192
"""Open in one process of a run."""


class Channel:
    """Lines of JSON over the socket to the node. When the node is gone, what is sent is dropped."""

    def __init__(self, end: socket.socket) -> None:
        self.end = end
        self.waiting: list[Message] = []
        self._rest = b""

    def send(self, message: Message) -> None:
        try:
            self.end.sendall(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        except OSError:
            return

    def receive(self) -> bool:
        """Waits for orders and puts them to those waiting; False when the node is gone."""
        try:
            data = self.end.recv(READ_BYTES)
        except OSError:
            return False
        *whole, self._rest = (self._rest + data).split(b"\n")
        self.waiting += [json.loads(line) for line in whole]
        return bool(data)


def serve(channel: Channel, group: Group) -> None:
    """Orders from the node, one run at a time, until the node closes the socket."""
    while channel.waiting or channel.receive():
        if not channel.waiting:
            continue
        order = channel.waiting.pop(0)
        if order["op"] == SKIP:
            channel.send({"skipped": {"at": time.monotonic()}})
        elif order["op"] == "run" and not run(order, channel, group):
            return


def run(order: Message, channel: Channel, group: Group) -> bool:
    """False when the node went away meanwhile; the tree has then been ended."""
    try:
        tree = Tree(order, group, channel.send)
    except (OSError, ValueError, TypeError) as problem:
        number = getattr(problem, "errno", None) or 0
        text = os.strerror(number) if number else str(problem)
        place = getattr(problem, "filename", None)
        channel.send({"refused": {"at": time.monotonic(), "text": text, "place": place}})
        return True
    if not tree.watched:
        channel.send({"pid": tree.pid})
    node_lives = watch(tree, channel)
    if not node_lives:
        tree.end("node_gone", 0)
        tree.tick()
    tree.close()
    return node_lives


def watch(tree: Tree, channel: Channel) -> bool:
    """Until the program itself has ended (True) or the node is gone (False)."""
    poller = select.poll()
    node, stdin = channel.end.fileno(), tree.stdin
    for fd in (tree.pidfd, node, *tree.streams):
        poller.register(fd, select.POLLIN)
    if stdin is not None:
        poller.register(stdin, select.POLLOUT)
    while True:
        obey(tree, channel)
        for fd, _ in poller.poll(min(tree.next_wake_s(), 3600) * 1000 + 1):
            if fd == tree.pidfd:
                return True
            if fd == node:
                if not channel.receive():
                    return False
            elif fd == stdin:
                if not tree.push():
                    poller.unregister(fd)
            elif not tree.pour(fd):
                poller.unregister(fd)
        tree.tick()


def obey(tree: Tree, channel: Channel) -> None:
    """What is for the run that is under way; the runs behind it stay in line, if only to be skipped."""
    line: list[Message] = []
    for order in channel.waiting:
        if order["op"] in ("run", SKIP):
            line.append(order)
        elif order["op"] == "end" and order["run"] != tree.run:
            for ahead in line:
                if ahead["run"] == order["run"]:
                    ahead["op"] = SKIP
        elif order["op"] == "end":
            tree.end(order["why"], order["graceS"])
        elif order["op"] == "limit":
            tree.limit(order)
        elif order["op"] == "sync":
            tree.drain()
            channel.send({"synced": True})
    channel.waiting = line


def restrict() -> None:
    """What every process of a run inherits: no core files, and so many open files, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """argv: the number of the socket's file descriptor, the name of the control group."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    restrict()
    end = socket.socket(fileno=int(sys.argv[1]))
    end.set_inheritable(False)
    group = Group(sys.argv[2])
    try:
        serve(Channel(end), group)
    finally:
        group.leave()


if __name__ == "__main__":
    main()
