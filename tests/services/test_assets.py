"""Stored files: what is kept, for whom, for how long, and what becomes of the bytes whoever dies when."""

from collections.abc import Iterator

import pytest

from app.adapters.memory import MemoryBlobs
from app.domain.errors import Conflict, Forbidden, Invalid, NotFound, TooLarge, Unavailable
from app.ports.records import Asset, Page
from app.services import access, assets, control, links, loose, uploads
from app.services.access import Principal
from app.services.core import FileRules
from tests.replacing import replace
from tests.services.world import World, task

PAGE = Page(limit=100)
DAY = 24 * 3600


def stored(world: World, content: bytes = b"solid", **more: str) -> Asset:
    given = {"filename": "part.stl", "media_type": "model/stl", **more}
    return assets.upload(world.core, world.who, source=[content], **given)


def blobs(world: World) -> MemoryBlobs:
    assert isinstance(world.core.blobs, MemoryBlobs)
    return world.core.blobs


def stranger() -> Principal:
    return replace(access.anonymous("admin"), org_id="other")


def tidy(world: World, seconds: float = 1) -> None:
    world.clock.advance(seconds)
    loose.sweep(world.core)


def allow(world: World, **rules: int) -> None:
    world.core = replace(world.core, file_rules=FileRules(**rules))


def test_a_file_is_kept_and_given_back(world: World) -> None:
    made = stored(world, b"solid" * 1000)
    assert (made.filename, made.size, made.media_type) == ("part.stl", 5000, "model/stl")
    assert assets.asset(world.core, world.who, made.id) == made
    assert b"".join(assets.content(world.core, world.who, made.id)) == b"solid" * 1000
    assert b"".join(assets.content(world.core, world.who, made.id, 4998)) == b"id"
    assert assets.listing(world.core, world.who, PAGE) == [made]


def test_another_organization_has_no_such_file(world: World) -> None:
    made = stored(world)
    for ask in (assets.asset, assets.content, assets.delete):
        with pytest.raises(NotFound, match="there is no such asset"):
            ask(world.core, stranger(), made.id)
    assert assets.listing(world.core, stranger(), PAGE) == []


def test_who_may_only_read_may_not_store(world: World) -> None:
    with pytest.raises(Forbidden):
        assets.upload(world.core, access.anonymous("viewer"), filename="", media_type="", source=[])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\parts\\part.stl", "part.stl"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("\u202egnp.exe", "gnp.exe"),
        ("", "unnamed"),
        ("..", "unnamed"),
        ("x" * 300 + ".stl", "x" * 251 + ".stl"),
        ("größe 大.stl", "größe 大.stl"),
    ],
)
def test_a_name_is_made_safe(world: World, given: str, kept: str) -> None:
    assert stored(world, filename=given).filename == kept


def test_a_file_that_is_too_large_leaves_nothing(world: World) -> None:
    allow(world, largest=10)
    with pytest.raises(TooLarge, match="at most 10 bytes"):
        stored(world, b"x" * 11)
    assert (blobs(world).keys, assets.listing(world.core, world.who, PAGE)) == (set(), [])
    assert stored(world, b"x" * 10).size == 10


def test_an_unknown_project_is_refused_before_a_byte_is_read(world: World) -> None:
    def never() -> Iterator[bytes]:
        raise AssertionError("read")
        yield b""

    with pytest.raises(Invalid, match="no such project"):
        assets.upload(world.core, world.who, filename="", media_type="", source=never(), project_id="absent")


def test_a_project_has_its_files(world: World) -> None:
    stored(world)
    project = control.create_project(world.core, world.who, "parts")
    made = stored(world, project_id=project.id)
    assert assets.listing(world.core, world.who, PAGE, project_id=project.id) == [made]


def test_the_bytes_of_a_deleted_file_go_with_the_sweep(world: World) -> None:
    made, kept = stored(world), stored(world)
    assets.delete(world.core, world.who, made.id)
    tidy(world)
    assert blobs(world).keys == {kept.blob}
    with pytest.raises(NotFound):
        assets.asset(world.core, world.who, made.id)


def test_the_bytes_of_an_upload_that_died_go_in_time(world: World) -> None:
    core = replace(world.core, store=Failing(world.core.store, after=2))
    with pytest.raises(Unavailable):
        assets.upload(core, world.who, filename="", media_type="", source=[b"x"])
    assert len(blobs(world).keys) == 1
    tidy(world)
    assert len(blobs(world).keys) == 1, "it may still become an asset"
    world.clock.advance(DAY + 1)
    tidy(world)
    assert blobs(world).keys == set()


class Failing:
    """A store that goes away after so many writes."""

    def __init__(self, store: object, after: int) -> None:
        self._store, self._left = store, after

    def read(self, work: object) -> object:
        return self._store.read(work)  # type: ignore[attr-defined]

    def write(self, work: object) -> object:
        self._left -= 1
        if self._left < 0:
            raise Unavailable("away")
        return self._store.write(work)  # type: ignore[attr-defined]

    def close(self) -> None:
        raise NotImplementedError


def test_an_upload_that_took_too_long_is_refused(world: World) -> None:
    def slow() -> Iterator[bytes]:
        yield b"x"
        world.clock.advance(DAY)

    with pytest.raises(Conflict, match="longer than 24 hours"):
        assets.upload(world.core, world.who, filename="", media_type="", source=slow())


def away(*_: object) -> None:
    raise Unavailable("away")


def test_a_place_for_bytes_that_is_away_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = stored(world)
    assets.delete(world.core, world.who, made.id)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryBlobs, "delete", away)
        with pytest.raises(Unavailable):
            tidy(world)
    assert blobs(world).keys == {made.blob}
    tidy(world)
    assert blobs(world).keys == set()


def test_an_upload_is_kept_for_as_long_as_is_said(world: World) -> None:
    allow(world, keep_uploads_s=10)
    made = stored(world)
    tidy(world, 10)
    assert assets.listing(world.core, world.who, PAGE) == [made]
    tidy(world)
    assert (assets.listing(world.core, world.who, PAGE), blobs(world).keys) == ([], set())


def test_a_file_that_an_unfinished_job_needs_stays(world: World) -> None:
    allow(world, keep_uploads_s=10)
    made = stored(world)
    wanted = [{"source": {"uri": assets.uri(made)}, "target": {"path": "a"}}]
    job = world.submit([task("a", inputs=tuple(wanted))])
    tidy(world, 20)
    with pytest.raises(Conflict, match="has not ended needs this asset"):
        assets.delete(world.core, world.who, made.id)
    control.cancel_job(world.core, world.who, job.id)
    tidy(world)
    assert blobs(world).keys == set()


def test_a_place_in_a_space_is_taken_over(world: World) -> None:
    first = stored(world, b"1", space="scratch:@default", key="a/part.stl")
    second = stored(world, b"2", space="scratch:@default", key="a/part.stl")
    find = world.store.read(lambda tx: tx.asset_in_space(world.who.org_id, "scratch:@default", "a/part.stl"))
    assert find == second
    assert b"".join(assets.content(world.core, world.who, first.id)) == b"1", "somebody may be reading it"
    world.clock.advance(DAY + 1)
    tidy(world)
    assert blobs(world).keys == {second.blob}


@pytest.mark.parametrize(("space", "key"), [("s", ""), ("", "k"), ("s", "a\0b"), ("s", "x" * 4001)])
def test_a_place_that_is_none_is_refused(world: World, space: str, key: str) -> None:
    with pytest.raises(Invalid):
        stored(world, space=space, key=key)


def test_a_link_is_good_for_its_time_and_its_file(world: World) -> None:
    made = stored(world)
    link = assets.link(world.core, made, 60).removeprefix(links.PREFIX)
    assert links.by_link(world.core, link) == made
    for wrong in (link[:-1], "x", "", f"{link}.x"):
        with pytest.raises(NotFound, match="leads nowhere"):
            links.by_link(world.core, wrong)
    world.clock.advance(61)
    with pytest.raises(NotFound, match="leads nowhere"):
        links.by_link(world.core, link)
    again = assets.link(world.core, made, 60).removeprefix(links.PREFIX)
    assets.delete(world.core, world.who, made.id)
    with pytest.raises(NotFound, match="leads nowhere"):
        links.by_link(world.core, again)


def begin(world: World, parts: int = 1) -> tuple[str, list[str]]:
    begun = uploads.begin(world.core, world.who, "s", "k", filename="a.bin", parts=parts)
    return begun.upload_id, [link.removeprefix(uploads.PARTS) for link in begun.links]


def test_parts_become_one_file_in_the_order_of_their_numbers(world: World) -> None:
    upload, (first, second) = begin(world, 2)
    second_tag = uploads.put_part(world.core, second, [b"world"])
    uploads.put_part(world.core, first, [b"a mistake"])
    first_tag = uploads.put_part(world.core, first, [b"hello "])
    made = uploads.complete(world.core, world.who, upload, [(2, second_tag), (1, f'"{first_tag}"')])
    assert b"".join(assets.content(world.core, world.who, made.id)) == b"hello world"
    assert (made.filename, made.size, made.space, made.key) == ("a.bin", 11, "s", "k")
    assert uploads.complete(world.core, world.who, upload, [(2, second_tag), (1, first_tag)]) == made
    tidy(world)
    assert blobs(world).keys == {made.blob}


def test_one_part_is_the_file_and_cannot_be_changed_any_more(world: World) -> None:
    upload, (part,) = begin(world)
    tag = uploads.put_part(world.core, part, [b"x"])
    (blob,) = blobs(world).keys
    assert uploads.complete(world.core, world.who, upload, [(1, tag)]).blob == blob
    with pytest.raises(Conflict, match="complete"):
        uploads.put_part(world.core, part, [b"y"])


def test_parts_that_did_not_come_are_named(world: World) -> None:
    upload, (first, second) = begin(world, 2)
    tags = [uploads.put_part(world.core, each, [b"x"]) for each in (first, second)]
    for parts in ([(1, tags[0]), (3, tags[1])], [(1, "0" * 64)], [(2, tags[1])], [(1, tags[0]), (1, tags[0])], []):
        with pytest.raises(Invalid) as refused:
            uploads.complete(world.core, world.who, upload, parts)
        assert refused.value.problems[0].pointer.startswith("/parts")


def test_an_upload_is_its_organizations_own_and_ends(world: World) -> None:
    upload, (part,) = begin(world)
    tag = uploads.put_part(world.core, part, [b"x"])
    with pytest.raises(NotFound):
        uploads.complete(world.core, stranger(), upload, [(1, tag)])
    for wrong in (upload, part[:-1], ""):
        with pytest.raises(NotFound):
            uploads.put_part(world.core, wrong, [b"x"])
    with pytest.raises(NotFound):
        uploads.complete(world.core, world.who, part, [(1, tag)])
    world.clock.advance(loose.UPLOAD_S)
    with pytest.raises(NotFound):
        uploads.put_part(world.core, part, [b"x"])
    world.clock.advance(10)
    tidy(world)
    assert blobs(world).keys == set()
