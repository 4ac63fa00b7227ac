"""Secrets reach the specs of runs and nothing else; keys are rotated under them."""

from pathlib import Path
from typing import Any

import pytest

from app.adapters import keyring
from app.adapters.keyring import BadKey, KeyFile, Keyring, new_key
from app.domain import limits
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound
from app.domain.job import JobSpec
from app.domain.task import TaskSpec
from app.ports.vault import Unreadable
from app.services import access, plan, query, secrets, tell
from app.wire.claim import RunSpec
from tests.replacing import replace
from tests.services.world import ALL, World, task

VALUE = "hunter2-and-more"
IN_SPACE = {"source": {"spaceId": "s", "key": "${{ secrets.KEY }}"}, "target": {"path": "p"}}


def put(world: World, name: str = "KEY", value: str = VALUE) -> None:
    secrets.put(world.core, world.who, name, value)


def using(name: str, text: str, *needs: str, **more: Any) -> TaskSpec:
    return replace(task(name, *needs), payload={"argv": ["x", text]}, **more)


def given(world: World, spec: TaskSpec) -> RunSpec:
    node = world.node()
    world.submit([spec])
    node.take()
    return node.run_of(spec.name)


def test_a_value_travels_apart_from_its_place(world: World) -> None:
    put(world)
    source = {"source": {"uri": "https://h/?k=${{ secrets.KEY }}"}, "target": {"path": "p"}}
    spec = given(world, using("a", "--key=${{secrets.KEY}}", inputs=(source,)))
    (secret,) = spec.secrets
    assert (secret.name, secret.value) == ("KEY", VALUE)
    assert spec.payload == {"argv": ["x", f"--key={secret.mark}"]}
    assert spec.inputs[0]["source"] == {"uri": f"https://h/?k={secret.mark}"}
    assert VALUE not in repr(spec)
    kept = world.core.store.write(lambda tx: [one.sealed for one in tx.secrets(access.ORG)])
    assert VALUE not in repr((kept, world.core.store.write(lambda tx: tx.specs([1]))))


def test_a_run_without_secrets_is_given_none(world: World) -> None:
    put(world)
    assert given(world, using("a", "plain")).secrets == ()


def test_what_a_run_brings_in_is_never_taken_for_a_secret(world: World) -> None:
    """A result, a parameter or a value that looks like a reference, or like a mark, stays what it is."""
    put(world)
    node = world.node()
    text = "${{ needs.a.outputs.params.x }} ${{ job.parameters.p }} ${{ secrets.KEY }}"
    world.submit([task("a"), using("b", text, "a")], parameters={"p": "${{ secrets.KEY }}"})
    node.take()
    node.finish("a", result={"x": "[secret KEY 0] ${{ secrets.KEY }}"})
    if not any(spec.task == "b" for spec in node.held.values()):
        node.take()
    spec = node.run_of("b")
    (secret,) = spec.secrets
    brought = "[secret KEY 0] ${{ secrets.KEY }} ${{ secrets.KEY }} "
    assert spec.payload["argv"][1] == brought + secret.mark


@pytest.mark.parametrize("name", ["KEY", "OTHER"])
def test_an_unknown_secret_is_refused_with_its_place(world: World, name: str) -> None:
    foreign = replace(world.who, org_id="another")
    secrets.put(world.core, foreign, "KEY", VALUE)
    spec = JobSpec(name="j", tasks=(using("a", f"x ${{{{ secrets.{name} }}}}"),))
    for attempt in (lambda: world.submit(spec.tasks), lambda: plan.plan(world.core, world.who, "q", spec)):
        with pytest.raises(Invalid) as caught:
            attempt()
        (problem,) = caught.value.problems
        assert problem.pointer == "/tasks/0/payload/argv/1"
        assert f"no secret {name}" in problem.detail


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        (using("a", "${{ secrets.1X }}"), "/tasks/0/payload/argv/1"),
        (using("a", "${{ secrets. }}"), "/tasks/0/payload/argv/1"),
        (using("a", "${{ secrets.KEY.x }}"), "/tasks/0/payload/argv/1"),
        (replace(task("a"), type="map", values="${{ secrets.KEY }}"), "/tasks/0/values/source"),
        (
            using("a", "x", inputs=(IN_SPACE,)),
            "/tasks/0/inputs/0/source/key",
        ),
    ],
)
def test_where_a_secret_may_not_stand(world: World, spec: TaskSpec, pointer: str) -> None:
    put(world)
    with pytest.raises(Invalid) as caught:
        world.submit([spec])
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


def test_a_secret_that_is_gone_fails_the_task_with_its_name(world: World) -> None:
    put(world)
    node = world.node()
    job = world.submit([using("a", "${{ secrets.KEY }}")])
    secrets.delete(world.core, world.who, "KEY")
    node.take()
    failure = world.task(job, "a").failure
    assert failure is not None
    assert "no secret 'KEY'" in failure.message
    with pytest.raises(NotFound):
        secrets.delete(world.core, world.who, "KEY")


@pytest.mark.parametrize(
    ("name", "value", "pointer"),
    [
        ("1A", VALUE, ""), ("A-B", VALUE, ""), ("", VALUE, ""), ("A" * 101, VALUE, ""), ("A\n", VALUE, ""),
        ("A", "abc", "/value"), ("A", "", "/value"), ("A", "x" * (limits.MAX_SECRET_BYTES + 1), "/value"),
        ("A", "zero\0byte", "/value"),
    ],
)  # fmt: skip
def test_what_is_no_secret(world: World, name: str, value: str, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        put(world, name, value)
    assert caught.value.problems[0].pointer == pointer
    assert not value or value not in str(caught.value)


def test_who_may(world: World) -> None:
    member = access.anonymous("member")
    for attempt in (
        lambda: secrets.listing(world.core, member),
        lambda: secrets.put(world.core, member, "A", VALUE),
        lambda: secrets.delete(world.core, member, "A"),
    ):
        with pytest.raises(Forbidden):
            attempt()


def test_a_server_without_a_key_keeps_none(world: World) -> None:
    bare = replace(world.core, vault=None)
    with pytest.raises(Conflict, match="FLOTILLA_SECRETS_KEY_FILE"):
        secrets.put(bare, world.who, "A", VALUE)
    assert secrets.listing(bare, world.who) == []


def test_a_new_value_is_for_runs_that_start_from_then_on(world: World) -> None:
    put(world)
    first = secrets.listing(world.core, world.who)[0]
    world.clock.advance(1)
    put(world, value="another-value")
    (second,) = secrets.listing(world.core, world.who)
    assert (second.created_at_us, second.changed_at_us) == (first.created_at_us, world.clock.now_us)
    assert given(world, using("a", "${{ secrets.KEY }}")).secrets[0].value == "another-value"


def test_what_a_run_tells_of_itself_is_masked(world: World) -> None:
    put(world)
    spec = given(world, using("a", "${{ secrets.KEY }}"))
    who = access.authenticate(world.core, spec.token)
    tell.messages(world.core, who, spec.run_id, [tell.Said(level="info", text=f"it is {VALUE}")])
    tell.progress(world.core, who, spec.run_id, status_text=f"with {VALUE}")
    tell.result(world.core, who, spec.run_id, {"k": VALUE})
    run = query.run(world.core, world.who, spec.run_id)
    assert (run.status_text, run.result) == ("with ***", {"k": "***"})
    (line,) = world.core.store.read(lambda tx: tx.lines(ALL, run_id=spec.run_id))
    assert line.line.text == "it is ***"


# -- keys


def test_what_is_sealed_opens_in_its_place_alone() -> None:
    key = new_key()
    sealed = Keyring(lambda: key).seal(VALUE, "org/KEY")
    ring = Keyring(lambda: key)
    assert ring.open(sealed, "org/KEY") == VALUE
    assert VALUE not in sealed
    assert ring.seal(VALUE, "org/KEY") != sealed
    for wrong, place in ((sealed, "org/OTHER"), (sealed[:-6] + "AAAAA=", "org/KEY"), ("", "org/KEY"), ("x.y", "p")):
        with pytest.raises(Unreadable):
            ring.open(wrong, place)


@pytest.mark.parametrize("text", ["", "abc", "é" * 44, "A" * 40, " , ", f"{'A' * 43}="])
def test_a_bad_key_is_not_shown(text: str) -> None:
    with pytest.raises(BadKey) as caught:
        Keyring(lambda: text)
    assert not text.strip(" ,") or text not in str(caught.value)


def test_a_rotation_under_a_server_that_goes_on(world: World, tmp_path: Path) -> None:
    path = tmp_path / "secrets.key"
    keyring.write(path, [new_key()])
    assert path.stat().st_mode & 0o777 == 0o600
    core = replace(world.core, vault=Keyring(KeyFile(path)))
    for number in range(250):
        secrets.put(core, world.who, f"K{number}", f"{VALUE}-{number}")
    old = path.read_text()
    keyring.write(path, [new_key(), *keyring.keys_of(old)])
    assert secrets.reseal(core.store, Keyring(KeyFile(path))) == 250
    assert secrets.reseal(core.store, Keyring(KeyFile(path))) == 0
    keyring.write(path, keyring.keys_of(path.read_text())[:1])
    values = core.store.read(lambda tx: tx.sealed(access.ORG, ["K7"]))
    assert core.vault is not None
    assert core.vault.open(values["K7"], f"{access.ORG}/K7") == f"{VALUE}-7"
    with pytest.raises(Unreadable, match="K0"):
        secrets.reseal(core.store, Keyring(lambda: old))
