"""A new key takes over: what is out stays good as long as was said, whoever reads the new key first."""

import pytest

from app.domain.errors import Unauthorized
from app.services import deliveries, keys, servers
from app.services.core import Core
from tests.services.world import World

DAY = 24 * 3600


def believed(core: Core, text: str, now_us: int) -> bool:
    try:
        return bool(core.signer.check("link", text, now_us) == "x")
    except Unauthorized:
        return False


def rotate(world: World, **how: bool | int) -> None:
    world.store.write(lambda tx: keys.announce(tx, world.core.chance.secret()))
    world.store.write(lambda tx: keys.promote(tx, **how))  # type: ignore[arg-type]  # by their names


def read_again(world: World, core: Core) -> None:
    me = servers.arrive(core, kind="web", host="h", pid=1, revision="1")
    servers.pulse(core, me)


def test_two_processes_believe_each_other_at_every_step(world: World) -> None:
    early = world.core
    late = Core(store=world.store, broker=world.broker, chance=world.core.chance, blobs=world.core.blobs)
    now_us = world.clock.now_us
    out = early.signer.sign("link", "x")
    world.store.write(lambda tx: keys.announce(tx, "n" * 43))
    read_again(world, early)
    read_again(world, late)
    assert early.signer.sign("link", "x") == out  # nothing is signed with it yet
    world.store.write(lambda tx: keys.promote(tx))
    read_again(world, early)
    new = early.signer.sign("link", "x")
    assert new != out
    assert believed(late, new, now_us)  # which has not read since
    assert believed(early, late.signer.sign("link", "x"), now_us)
    assert believed(early, out, now_us)


def test_what_the_key_before_signed_is_believed_for_eight_days(world: World) -> None:
    text = world.core.signer.sign("link", "x")
    rotate(world)
    for days, good in ((0, True), (7.9, True), (8.1, False)):
        world.clock.now_us = 1_000_000_000_000 + int(days * DAY * 1_000_000)
        read_again(world, world.core)
        assert believed(world.core, text, world.clock.now_us) is good
    rotate(world)
    assert len(world.store.read(lambda tx: tx.signing_keys())) == 3  # signing, the one before, deriving


def test_of_a_leaked_key_nothing_is_believed(world: World) -> None:
    text = world.core.signer.sign("link", "x")
    rotate(world)
    before = world.core.signer.sign("link", "x")
    rotate(world, kept_s=0)
    read_again(world, world.core)
    assert not believed(world.core, text, world.clock.now_us)
    assert not believed(world.core, before, world.clock.now_us)


def test_webhooks_keep_their_secret_unless_asked(world: World) -> None:
    secret = deliveries.secret_of(world.core, "org")
    rotate(world)
    rotate(world)
    read_again(world, world.core)
    assert deliveries.secret_of(world.core, "org") == secret
    rotate(world, webhooks=True)
    read_again(world, world.core)
    assert deliveries.secret_of(world.core, "org") != secret


def test_a_link_keeps_its_own_end(world: World) -> None:
    text = world.core.signer.sign("link", "x", world.clock.now_us + 1000)
    rotate(world)
    read_again(world, world.core)
    with pytest.raises(Unauthorized):
        world.core.signer.check("link", text, world.clock.now_us + 1000)
