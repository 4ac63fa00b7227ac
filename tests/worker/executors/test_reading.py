"""A file of declarations is right, or everything wrong with it is said at once: file, key, what is allowed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.executors.conftest import Declare
from worker.executors.callables import Table
from worker.executors.declared.declaration import KINDS
from worker.executors.declared.reading import read_files
from worker.executors.declared.tables import DeclarationError

EXAMPLE = Path(__file__).parents[3] / "deploy" / "executors.toml"
ONE = '[[executor]]\nname = "x"\nkind = "command"\nargv = ["x"]\n'


def test_the_example_in_deploy_is_right_and_shows_every_kind() -> None:
    found = read_files([EXAMPLE], Table({}))
    assert {declaration.kind for declaration in found} == set(KINDS)
    assert all(declaration.card.parameters["properties"] for declaration in found)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ("colour = 1", "x.colour"),
        ("timeout = 0", "x.timeout"),
        ("timeout = '1'", "x.timeout"),
        ("versions = '1'", "x.versions"),
        ("versions = ['a b']", "x.versions"),
        ("versions = ['1', '1']", "x.versions"),
        ("success_codes = []", "x.success_codes"),
        ("success_codes = [256]", "x.success_codes"),
        ("network = 1", "x.network"),
        ("readable = ['a']", "x.readable"),
        ("stdin = '{{ parameters.a }}'", "x.stdin"),
        ("stdin = '{{ item }}'", "x.stdin"),
        ("image = 'busybox'", "x.image"),
        ("environment = {set = {'A-B' = '1'}}", "x.environment.set.A-B"),
        ("environment = {pass = ['A=B']}", "x.environment.pass"),
        ("environment = {inherit = true}", "x.environment.inherit"),
        ("requirements = {cpu = 17}", "x.requirements.cpu"),
        ("requirements = {gpu = 1}", "x.requirements.gpu"),
        ("parameters = {a = {type = 'text'}}", "x.parameters.a.type"),
        ("parameters = {a = {default = 5}}", "x.parameters.a.default"),
        ("parameters = {a = {enum = ['b'], default = 'c'}}", "x.parameters.a.default"),
        ("parameters = {a = {required = true, default = 'c'}}", "x.parameters.a.default"),
        ("parameters = {a = {type = 'boolean', minimum = 1}}", "x.parameters.a.minimum"),
        ("parameters = {a = {items = 'string'}}", "x.parameters.a.items"),
        ("parameters = {a = {pattern = '('}}", "x.parameters.a.pattern"),
        ("parameters = {a = 1}", "x.parameters.a"),
        ("parameters = {'a b' = {}}", "x.parameters.a b"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(declare: Declare, more: str, key: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        declare(ONE + more)
    assert "executors.toml: " in str(raised.value)
    assert f": {key}" in str(raised.value)


@pytest.mark.parametrize(
    "argv",
    ["[]", "['']", "'x'", "['x', 5]", "['x', '{{ parameters.b }}']", "['x', '{{ parameters.maybe }}']",
     "['x', {when = 'b', argv = ['y']}]", "['x', {when = 'a'}]", "['x', {each = 'a', argv = ['y']}]",
     "['x', {when = 'a', each = 'many', argv = ['y']}]", "['x', '{{ item }}']", "[{when = 'a', argv = ['x']}]",
     "['x', {if = 'a', argv = []}]", "['x', {when = 'a', argv = ['{{ item }}']}]"],
)  # fmt: skip
def test_a_wrong_argv_is_refused(declare: Declare, argv: str) -> None:
    text = ONE.replace('["x"]', argv) + (
        "[executor.parameters]\na = {required = true}\nmaybe = {}\nmany = {type = 'array'}\n"
    )
    with pytest.raises(DeclarationError, match=r"x\.argv"):
        declare(text)


@pytest.mark.parametrize("name", ["", "command", "python", "a@1", " a", "a ", "x" * 201, "a\\nb"])
def test_a_wrong_name_is_refused(declare: Declare, name: str) -> None:
    with pytest.raises(DeclarationError, match="name"):
        declare(ONE.replace('"x"', f'"{name}"', 1))


@pytest.mark.parametrize(
    "image", ["--privileged", "-v /:/h", "a:b:c", "a@sha256:12", "a@md5:0", "A", "", "a b", "a//b"]
)
def test_a_wrong_image_is_refused(declare: Declare, image: str) -> None:
    with pytest.raises(DeclarationError, match=r"x\.image: .*no image"):
        declare(f'[[executor]]\nname = "x"\nkind = "container"\nimage = "{image}"\n')


@pytest.mark.parametrize(
    "url", ["ftp://h/", "http://", "http://u:p@h/", "http://h/#a", "http://h:0/", "http://h:99999/", "x"]
)
def test_a_wrong_url_is_refused(declare: Declare, url: str) -> None:
    with pytest.raises(DeclarationError, match=r"x\.url"):
        declare(f'[[executor]]\nname = "x"\nkind = "http"\nurl = "{url}"\n')


def test_a_callable_must_be_registered(declare: Declare) -> None:
    with pytest.raises(DeclarationError, match=r"x\.callable: 'os:system' is not registered.*noop"):
        declare('[[executor]]\nname = "x"\nkind = "python"\ncallable = "os:system"\n')


def test_a_name_may_come_again_with_other_versions(declare: Declare) -> None:
    first, second = (ONE + f"versions = ['{version}']\n" for version in ("1", "2"))
    assert [each.versions for each in declare(first + second)] == [("1",), ("2",)]
    for text in (ONE + ONE, first + first, first + ONE, ONE + first):
        with pytest.raises(DeclarationError, match="is declared twice"):
            declare(text)


def test_files_that_are_none_are_named_together(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("x = ")
    (tmp_path / "b.toml").write_text("executor = ['x']\ny = 1")
    with pytest.raises(DeclarationError) as raised:
        read_files([tmp_path / name for name in ("a.toml", "b.toml", "c.toml")], Table({}))
    text = str(raised.value)
    assert "a.toml: is not TOML" in text
    assert "b.toml: executor: must be tables" in text
    assert "b.toml: y: is no key" in text
    assert "c.toml: cannot be read" in text


def check(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "app.cli.main", "executors", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_command_says_what_is_declared_or_what_is_wrong(tmp_path: Path) -> None:
    good = check(str(EXAMPLE))
    assert good.returncode == 0, good.stderr
    assert "mesh2sdf 2.1 (command)" in good.stdout
    assert "resolution: integer, default 64" in good.stdout
    (tmp_path / "bad.toml").write_text(ONE + "colour = 1")
    bad = check(str(EXAMPLE), str(tmp_path / "bad.toml"))
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "bad.toml: x.colour: is no key of this table; allowed are name, kind" in bad.stderr
