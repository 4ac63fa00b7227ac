"""What a program's output is cut into: lines of bounded length, a log of bounded size, and directives.

Pure; knows no process. It runs in the warden (`worker/warden.py`), so it imports next to nothing.
"""

LINE_LIMIT = 16 * 1024
LOG_LIMIT = 64 * 1024 * 1024
CUT_MARK = " [line cut at 16 KiB]"
LOG_MARK = "[log cut at 64 MiB: what follows was dropped]"


class Budget:
    """How many bytes of log a run has left, over its two streams."""

    __slots__ = ("left",)

    def __init__(self, limit: int = LOG_LIMIT) -> None:
        self.left = limit

    @property
    def spent(self) -> bool:
        return self.left <= 0


class LineCutter:
    """Bytes in, whole lines out. A line over the limit is cut once, with a mark, and its rest is dropped."""

    __slots__ = ("_budget", "_rest", "_skipping")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str]:
        if self._budget.spent:
            return []
        *whole, self._rest = (self._rest + data).split(b"\n")
        out: list[str] = []
        for line in whole:
            if self._skipping:
                self._skipping = False
            else:
                self._put(out, line)
        if len(self._rest) > LINE_LIMIT:
            if not self._skipping:
                self._put(out, self._rest)
            self._skipping, self._rest = True, b""
        return out

    def close(self) -> list[str]:
        """The last line, when the program ended without a newline."""
        out: list[str] = []
        if self._rest and not self._skipping:
            self._put(out, self._rest)
        self._rest = b""
        return out

    def _put(self, out: list[str], line: bytes) -> None:
        if self._budget.spent:
            return
        self._budget.left -= min(len(line), LINE_LIMIT) + 1
        text = line[:LINE_LIMIT].decode("utf-8", "replace").rstrip("\r").replace("\0", "\ufffd")
        out.append(text + CUT_MARK if len(line) > LINE_LIMIT else text)
        if self._budget.spent:
            out.append(LOG_MARK)


def directive(text: str) -> tuple[str, str] | None:
    """(`progress`, `status` or `fail`, its value) when the line speaks the Open Job Description form, else None."""
    if not text.startswith("openjd_"):
        return None
    word, colon, value = text.partition(":")
    kind = word[len("openjd_") :]
    return (kind, value.strip()) if colon and kind in ("progress", "status", "fail") else None


def fraction(percent: str | float) -> float | None:
    """0 to 1 for a percentage of 0 to 100; None when it is no such number."""
    try:
        value = float(percent)
    except ValueError:
        return None
    return value / 100 if 0 <= value <= 100 else None
