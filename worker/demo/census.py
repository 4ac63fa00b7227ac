"""What is the standard library made of? List its modules, measure a shard of them, merge what was measured.

list_modules -> measure (one per shard) -> merge (of some shards) -> merge (of merges) -> report.write

A census is a JSON object that adds up: totals, counters, and short lists of the largest.
"""

import ast
import heapq
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from worker.demo.complexity import functions

Census = dict[str, Any]  # a JSON object

NOT_LIBRARY = frozenset({"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test"})
TOTALS = ("files", "unparsed", "bytes", "lines", "code", "comments", "blank", "functions", "classes", "annotated")
COUNTERS = ("complexity", "imports", "packages", "sizes")
LARGEST = ("modules", "tangles")
KEPT = 12
"""Entries of the lists of largest; a merge of lists of this length has the right first KEPT."""


class Context(Protocol):
    def progress(self, percent: float) -> None: ...


def library() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def list_modules(shards: int = 200, folder: str | None = None) -> dict[str, list[str]]:
    """The paths of the library's modules, dealt into `shards` lists of about equal bytes: {"shard-000": [...], ...}."""
    root = Path(folder) if folder else library()
    sized = sorted(((path.stat().st_size, str(path)) for path in _sources(root)), key=lambda item: (-item[0], item[1]))
    dealt: list[list[str]] = [[] for _ in range(shards)]
    piles = [(0, index) for index in range(shards)]
    for size, path in sized:
        total, index = heapq.heappop(piles)
        dealt[index].append(path)
        heapq.heappush(piles, (total + size, index))
    return {f"shard-{index:03d}": paths for index, paths in enumerate(dealt)}


def _sources(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            if entry.name not in NOT_LIBRARY:
                yield from _sources(entry)
        elif entry.suffix == ".py" and entry.is_file():
            yield entry


def measure(context: Context, files: list[str], folder: str | None = None) -> dict[str, Census]:
    """The census of these files. A file that is not valid Python counts as `unparsed` and by its size."""
    root = Path(folder) if folder else library()
    parts = []
    for done, name in enumerate(files, start=1):
        parts.append(_census_of(Path(name), root))
        context.progress(100 * done / len(files))
    return {"census": add(parts)}


def merge(context: Context, parts: list[Census]) -> dict[str, Census]:
    context.progress(0)
    return {"census": add(parts)}


def add(parts: list[Census]) -> Census:
    out: Census = {key: sum(part[key] for part in parts) for key in TOTALS}
    for key in COUNTERS:
        counter: Counter[str] = Counter()
        for part in parts:
            counter.update(part[key])
        out[key] = dict(sorted(counter.items()))
    out["modules"] = heapq.nlargest(KEPT, (row for part in parts for row in part["modules"]), key=_by("lines"))
    out["tangles"] = heapq.nlargest(KEPT, (row for part in parts for row in part["tangles"]), key=_by("complexity"))
    return out


def _by(field: str) -> Any:  # a key function for rows of the lists of largest
    return lambda row: (row[field], row["name"])


def _census_of(path: Path, root: Path) -> Census:
    source = path.read_bytes()
    name = _module_name(path.relative_to(root))
    lines = source.decode(errors="replace").splitlines()
    blank = sum(not line.strip() for line in lines)
    comments = sum(line.lstrip().startswith("#") for line in lines)
    out: Census = dict.fromkeys(TOTALS, 0) | {key: {} for key in COUNTERS} | {key: [] for key in LARGEST}
    out |= {"files": 1, "bytes": len(source), "lines": len(lines), "blank": blank, "comments": comments}
    out |= {"code": len(lines) - blank - comments, "packages": {name.partition(".")[0]: len(lines)}}
    out["sizes"] = {str(max(0, len(lines) - 1).bit_length()): 1}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in old sources
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return out | {"unparsed": 1}
    return out | _counts(tree, name, len(lines))


def _counts(tree: ast.Module, name: str, lines: int) -> Census:
    found = list(functions(tree))
    nodes = list(ast.walk(tree))
    classes = sum(isinstance(node, ast.ClassDef) for node in nodes)
    tangles = [{"name": f"{name}.{one.name}", "complexity": one.complexity, "lines": one.lines} for one in found]
    return {
        "functions": len(found),
        "classes": classes,
        "annotated": sum(one.annotated for one in found),
        "complexity": dict(Counter(str(one.complexity) for one in found)),
        "imports": dict(Counter(sorted(_imports(nodes)))),
        "modules": [{"name": name, "lines": lines, "functions": len(found), "classes": classes}],
        "tangles": heapq.nlargest(KEPT, tangles, key=_by("complexity")),
    }


def _imports(nodes: list[ast.AST]) -> set[str]:
    """The top-level modules a module imports, each once however often it does; its own package is not among them."""
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names - {"__future__"}


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
