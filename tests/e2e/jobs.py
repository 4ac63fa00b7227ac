"""Tasks and jobs that the end-to-end tests submit."""

from typing import Any

Task = dict[str, Any]


def noop(name: str, *needs: str) -> Task:
    return {"name": name, "executor": "python", "needs": list(needs), "payload": {"callable": "noop"}}


def sleep(name: str, seconds: float, *needs: str, cpu: float = 1, memory: int = 128) -> Task:
    payload = {"callable": "sleep", "arguments": {"seconds": seconds}}
    return noop(name, *needs) | {"payload": payload, "requirements": {"cpu": cpu, "memory": memory}}


def command(name: str, *argv: str, needs: tuple[str, ...] = ()) -> Task:
    return {"name": name, "executor": "command", "needs": list(needs), "payload": {"argv": list(argv)}}


def diamond(slow_s: float) -> list[Task]:
    """b and c need a; d needs b and c; e needs c alone; b is slow."""
    return [
        noop("a"),
        sleep("b", slow_s, "a"),
        noop("c", "a"),
        noop("d", "b", "c"),
        noop("e", "c"),
    ]


def fan(width: int) -> list[Task]:
    middle = [f"n{index}" for index in range(width)]
    return [noop("root"), *(noop(name, "root") for name in middle), noop("join", *middle)]
