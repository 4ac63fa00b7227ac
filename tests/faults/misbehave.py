"""A program that behaves as its arguments say, run by the `command` executor: `misbehave.py LEDGER MODE [ARGUMENT]`.

It appends a line to the ledger when it starts and when it ends by itself, with its run's id, so that what really ran
can be compared with what the store says. Standard library only, so that it starts in a few milliseconds.
"""

import json
import os
import signal
import sys
import time

LOOK_S = 0.01


def note(path: str, event: str, run: str, attempt: int, task: str = "", job: str = "") -> None:
    """One write of one line, which O_APPEND keeps whole."""
    entry = {"event": event, "run": run, "attempt": attempt, "task": task, "job": job, "pid": os.getpid()}
    entry["at"] = time.monotonic()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(descriptor, json.dumps(entry).encode() + b"\n")
    os.close(descriptor)


def say(path: str, event: str) -> None:
    environ = os.environ
    run, attempt = environ["FLOTILLA_RUN_ID"], int(environ["FLOTILLA_ATTEMPT"])
    note(path, event, run, attempt, environ["FLOTILLA_TASK"], environ["FLOTILLA_JOB_ID"])


def hold(path: str) -> None:
    """Until the file is there."""
    while not os.path.exists(path):
        time.sleep(LOOK_S)


def hold_each(path: str) -> None:
    """Until the attempt's own file is there."""
    hold(f"{path}-{os.environ['FLOTILLA_ATTEMPT']}")


def hang() -> None:
    while True:
        time.sleep(60)


def eat(mib: int) -> None:
    kept = []
    for _ in range(mib // 4):
        kept.append(bytearray(os.urandom(4096)) * 1024)
        time.sleep(0.001)
    hang()


def spawn(count: int) -> None:
    """Children that hang, each with one of its own."""
    for _ in range(count):
        try:
            if os.fork() == 0:
                os.fork()
                hang()
        except OSError as refused:
            print(f"refused: {refused}", flush=True)
            break
    hang()


def leave_daemon(ledger: str) -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            say(ledger, "daemon")
            hang()
        os._exit(0)
    os.wait()


def flood(mib: int) -> None:
    lines = (b"x" * 1023 + b"\n") * 64
    for _ in range(mib * 16):
        os.write(1, lines)


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def spin_all(seconds: float, processes: int = 4) -> None:
    for _ in range(processes - 1):
        if os.fork() == 0:
            spin(seconds)
            os._exit(0)
    spin(seconds)


def fill(mib: int) -> None:
    """The disk under the scratch folder."""
    with open("filler", "wb") as file:
        for _ in range(mib):
            file.write(b"f" * (1 << 20))
            file.flush()


def result(kib: int) -> None:
    with open(os.environ["FLOTILLA_RESULT"], "w") as file:
        json.dump({"text": "r" * (kib * 1024)}, file)


def main(ledger: str, mode: str, argument: str = "") -> int:
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(ledger, "start")
    if mode == "ok" and argument:
        time.sleep(float(argument))
    elif mode == "hold":
        hold(argument)
    elif mode == "hold-each":
        hold_each(argument)
    elif mode in ("hang", "stubborn"):
        hang()
    elif mode == "eat":
        eat(int(argument))
    elif mode == "spawn":
        spawn(int(argument))
    elif mode == "daemon":
        leave_daemon(ledger)
    elif mode == "flood":
        flood(int(argument))
    elif mode == "spin":
        spin(float(argument))
    elif mode == "spin-all":
        spin_all(float(argument))
    elif mode == "fill":
        fill(int(argument))
    elif mode == "result":
        result(int(argument))
    elif mode == "kill-parent":
        os.kill(os.getppid(), signal.SIGKILL)
        hang()
    elif mode == "kill-node":
        os.kill(int(os.environ["FLOTILLA_NODE_PID"]), signal.SIGKILL)
        hang()
    say(ledger, "end")
    return int(argument) if mode == "exit" else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
