"""What the census counts, on modules written for it."""

import ast
from pathlib import Path

import pytest

from worker.demo import census
from worker.demo.complexity import functions

ONE = '''"""Doc."""
import os
import os.path
from collections import abc
from . import sibling

# a comment

class Thing:
    def method(self, x: int) -> int:
        return x if x else 0


def plain():
    def inner():
        for _ in []:
            pass
    return inner
'''


class Told:
    """A context that remembers what it was told."""

    def __init__(self) -> None:
        self.percents: list[float] = []

    def progress(self, percent: float) -> None:
        self.percents.append(percent)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    (tmp_path / "pkg" / "test").mkdir(parents=True)
    (tmp_path / "site-packages").mkdir()
    (tmp_path / "one.py").write_text(ONE)
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "broken.py").write_text("def (:\n")
    (tmp_path / "pkg" / "test" / "test_it.py").write_text("x = 1\n")
    (tmp_path / "site-packages" / "other.py").write_text("x = 1\n")
    return tmp_path


def test_the_list_has_every_module_once_and_neither_tests_nor_what_was_installed(library: Path) -> None:
    shards = census.list_modules(shards=2, folder=str(library))
    assert sorted(shards) == ["shard-000", "shard-001"]
    names = sorted(Path(path).name for paths in shards.values() for path in paths)
    assert names == ["__init__.py", "broken.py", "one.py"]


def test_shards_are_of_about_equal_size() -> None:
    shards = census.list_modules(shards=20)
    sizes = [sum(Path(path).stat().st_size for path in paths) for paths in shards.values()]
    assert max(sizes) < 1.5 * sum(sizes) / len(sizes)


def test_more_shards_than_modules_leaves_some_empty(library: Path) -> None:
    shards = census.list_modules(shards=9, folder=str(library))
    assert len(shards) == 9
    empty = census.measure(Told(), [], folder=str(library))["census"]
    assert (empty["files"], empty["modules"]) == (0, [])


def test_a_module_is_measured(library: Path) -> None:
    told = Told()
    found = census.measure(told, [str(library / "one.py")], folder=str(library))["census"]
    assert told.percents == [100]
    assert {key: found[key] for key in ("files", "functions", "classes", "comments", "annotated", "unparsed")} == {
        "files": 1,
        "functions": 3,
        "classes": 1,
        "comments": 1,
        "annotated": 1,
        "unparsed": 0,
    }
    assert found["lines"] == found["code"] + found["comments"] + found["blank"] == len(ONE.splitlines())
    assert found["imports"] == {"collections": 1, "os": 1}
    assert found["complexity"] == {"1": 1, "2": 2}
    assert found["tangles"][0]["name"] == "one.plain.inner"


def test_a_file_that_is_no_python_counts_by_its_size(library: Path) -> None:
    found = census.measure(Told(), [str(library / "pkg" / "broken.py")], folder=str(library))["census"]
    assert (found["files"], found["unparsed"], found["lines"], found["functions"]) == (1, 1, 1, 0)


def test_it_does_not_matter_how_the_parts_are_merged(library: Path) -> None:
    paths = [path for shard in census.list_modules(1, str(library)).values() for path in shard]
    whole = census.measure(Told(), paths, folder=str(library))["census"]
    parts = [census.measure(Told(), [path], folder=str(library))["census"] for path in paths]
    halves = [census.merge(Told(), parts[:1])["census"], census.merge(Told(), parts[1:])["census"]]
    assert census.merge(Told(), halves)["census"] == whole


@pytest.mark.parametrize(
    ("body", "complexity"),
    [
        ("pass", 1),
        ("if a: pass\n  elif b: pass\n  else: pass", 3),
        ("return a and b and c", 3),
        ("return [x for x in y if x if z]", 4),
        ("try: pass\n  except A: pass\n  except B: pass", 3),
        ("while a: assert b", 3),
        ("match a:\n   case 1: pass\n   case _: pass", 3),
        ("def g():\n    if a: pass", 1),
    ],
)
def test_complexity_counts_the_places_where_the_way_divides(body: str, complexity: int) -> None:
    tree = ast.parse(f"def f():\n  {body}\n")
    assert next(one.complexity for one in functions(tree) if one.name == "f") == complexity
