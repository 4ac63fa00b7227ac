"""The project's own files keep their promises: what is capped, locked, named and left out."""

import ast
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
BUILD: list[str] = PROJECT["build-system"]["requires"]

LOCKED_SETS = {
    "demo": ["embedded", "demo"],
    "dev": ["dev"],
    "fleet": ["postgres", "s3", "gcs", "otel", "oidc", "flower"],
}


def direct(extras: list[str]) -> Iterator[Requirement]:
    """What pyproject.toml asks for with these extras, an extra that names others unfolded."""
    texts = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        texts += EXTRAS[extra]
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["project"]["name"]:
            yield from direct(sorted(requirement.extras))
        else:
            yield requirement


def pins(name: str) -> dict[str, list[Requirement]]:
    """The pins of a lock by package: several where the version hangs on Python's."""
    found: dict[str, list[Requirement]] = {}
    text = (ROOT / "deploy" / "locks" / f"{name}.lock").read_text().replace("\\\n", " ")
    for line in filter(str.strip, text.splitlines()):
        pin, *hashes = line.split(" --hash=")
        assert hashes, f"deploy/locks/{name}.lock: no hash for {pin}"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each.strip()) for each in hashes), pin
        requirement = Requirement(pin)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "==", pin
    return specifier.version


def project_files() -> list[Path]:
    """What a clone holds, and what is about to be added to it."""
    if shutil.which("git") and (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [
        path
        for path in ROOT.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    ]


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_no_dependency_may_grow_without_bound(extra: str) -> None:
    asked = [*direct([extra] if extra else []), *map(Requirement, BUILD)]
    open_ended = [str(each) for each in asked if not any(s.operator in {"<", "<=", "==", "~="} for s in each.specifier)]
    assert open_ended == []


def test_the_build_of_an_editable_install_is_locked_as_it_is_asked_for() -> None:
    assert PROJECT["dependency-groups"]["build"] == BUILD


@pytest.mark.parametrize("name", LOCKED_SETS)
def test_a_lock_has_a_fitting_pin_for_all_that_is_asked_for(name: str) -> None:
    locked = pins(name)
    for asked in [*direct(LOCKED_SETS[name]), *map(Requirement, BUILD)]:
        found = locked.get(canonicalize_name(asked.name), [])
        assert found, f"deploy/locks/{name}.lock lacks {asked.name}; run make lock"
        for pin in found:
            assert asked.specifier.contains(version(pin)), (
                f"deploy/locks/{name}.lock has {pin}, asked is {asked}; run make lock"
            )


@pytest.mark.parametrize("name", ["demo", "fleet"])
def test_one_environment_can_hold_all_locks(name: str) -> None:
    held = pins("dev")
    for package, found in pins(name).items():
        if package in held:
            assert [version(pin) for pin in found] == [version(pin) for pin in held[package]]


def test_every_extra_is_in_a_lock() -> None:
    assert set(EXTRAS) == {extra for extras in LOCKED_SETS.values() for extra in extras}


def test_a_lock_names_no_index() -> None:
    for path in (ROOT / "deploy" / "locks").iterdir():
        assert not re.search(r"://|index-url|find-links|trusted-host", path.read_text()), path


def test_every_process_of_the_procfile_can_be_started() -> None:
    processes = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert set(processes) == {"web", "engine", "node", "flower"}
    for name, command in processes.items():
        words = command.split()
        if words[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(words[2]), f"{name}: no module {words[2]}"
        else:
            assert (Path(sys.executable).parent / words[0]).exists(), f"{name}: no program {words[0]}"
    assert importlib.util.find_spec("flower")


def test_every_entry_point_leads_to_something_that_can_be_called() -> None:
    groups = {"console_scripts": PROJECT["project"]["scripts"], **PROJECT["project"]["entry-points"]}
    for group, points in groups.items():
        for name, value in points.items():
            assert callable(importlib.metadata.EntryPoint(name, value, group).load()), f"{group}: {name}"


def test_no_file_knows_the_place_where_it_was_written() -> None:
    places = re.compile(r"(?<![\w.~$}])/(?:work|home/\w+)/|\.\./shared|/opt/(?:pypi|wheels)")
    me = Path(__file__).name
    found = []
    for path in project_files():
        if path.name == me:
            continue
        for number, line in enumerate(path.read_text(errors="ignore").splitlines(), 1):
            if places.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


NO_TESTS = {
    "wait.py": "the one place where tests wait",
    "faults/proxy.py": "a slow link is what it makes",
    "faults/misbehave.py": "a program that runs as a task",
    "benchmarks/swarm.py": "a program of the benchmarks",
    "faults/callables.py": "run as tasks",
    "worker/callables_for_tests.py": "run as tasks",
}


def test_only_wait_until_sleeps() -> None:
    sleeping = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        if str(path.relative_to(ROOT / "tests")) in NO_TESTS:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Attribute(value=ast.Name(id="time" | "asyncio"), attr="sleep", lineno=line):
                    sleeping.append(f"{path.relative_to(ROOT)}:{line}")
                case ast.ImportFrom(module="time" | "asyncio", names=names, lineno=line):
                    sleeping += [f"{path.relative_to(ROOT)}:{line}" for name in names if name.name == "sleep"]
    assert sleeping == [], "wait for a condition with tests.wait.wait_until"


def test_the_wire_needs_msgspec_alone() -> None:
    allowed = sys.stdlib_module_names | {"msgspec"}
    for path in (ROOT / "app" / "wire").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in allowed or f"{name}.".startswith("app.wire."), f"{path}: {name}"


def test_a_node_imports_the_wire_without_a_web_framework() -> None:
    code = "import app.wire, sys; print(sorted({'flask', 'sqlalchemy', 'marshmallow', 'celery'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
    assert (ROOT / "app" / "__init__.py").read_text() == ""


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## [{PROJECT['project']['version']}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_ci_script_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)
