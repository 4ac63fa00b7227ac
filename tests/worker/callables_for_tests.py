"""Callables that behave and misbehave, for tests of the `python` executor."""

import os
import signal
import subprocess
import sys
import time
from typing import Any


def add(a: int, b: int) -> int:
    return a + b


def boom(text: str) -> None:
    raise ValueError(text)


def undecodable() -> None:
    raise FileNotFoundError(os.fsdecode(b"\xff"))


def leave() -> None:
    raise SystemExit(3)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def speak() -> None:
    print("through print")
    print("to stderr", file=sys.stderr)
    subprocess.run(["echo", "through a child"], check=True)
    print("openjd_progress: 30")


def tell(context: Any) -> dict[str, Any]:
    context.progress(50)
    context.status("half")
    return {"run": context.run_id, "attempt": context.attempt, "canceled": context.canceled}


def traced(context: Any) -> list[str | None]:
    return [context.trace, os.environ.get("TRACEPARENT")]


def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(1000)


def hog() -> None:
    block = bytearray(400 << 20)
    time.sleep(60)
    del block


def daemon() -> None:
    subprocess.Popen(["setsid", "sh", "-c", "sleep 1101 & exec sleep 1101"])
    time.sleep(0.05)


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def huge(size: int) -> str:
    return "x" * size


def unjson() -> object:
    return object()


def litter() -> list[str]:
    with open("left-behind", "w") as target:
        target.write("x")
    return os.listdir()


def where() -> dict[str, Any]:
    return {"pid": os.getpid(), "files": os.listdir()}


def double(source: str, target: str) -> None:
    with open(source) as text, open(target, "w") as twice:
        twice.write(text.read() * 2)


def log(context: Any) -> None:
    print("printed")
    context.log("careful", "warning")
    context.log("two\nlines\n")
    context.log("openjd_fail: no directive", "debug")
    print("last")


def loud(context: Any) -> None:
    context.log("x", "loud")


def leak(value: str, context: Any) -> dict[str, Any]:
    """Tells what it was given in every way there is."""
    context.status(f"with {value}")
    context.log(value, "error")
    print(value)
    print(value, file=sys.stderr)
    subprocess.run(["echo", value], check=True)
    return {"value": value, value: [value], "long": [value] * 30_000}
