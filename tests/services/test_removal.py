"""Is a large job gone for everybody at once, while its rows go piece by piece?"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters import sql
from app.domain.errors import NotFound
from app.services import control, query, removal
from app.services.submit import Key
from tests.services.world import ALL, World

KEY = Key(route="r", key="k", body_hash="h")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """On SQLite, where pieces are of ten rows."""
    monkeypatch.setattr(removal, "PIECE", 10)
    url = f"sqlite:///{tmp_path}/s.db"
    sql.upgrade(url)
    store = sql.open_store(url, threads=2)
    yield World(store=store)
    store.close()


def test_a_large_job_is_gone_at_once_and_its_rows_follow(world: World) -> None:
    job = world.submit({f"t{n}": [] for n in range(40)}, key=KEY)
    control.cancel_job(world.core, world.who, job.id)
    kept = world.submit({"a": []})
    control.delete_job(world.core, world.who, job.id)
    with pytest.raises(NotFound):
        world.job(job)
    assert [each.id for each in query.jobs(world.core, world.who, ALL)] == [kept.id]
    with pytest.raises(NotFound, match="has been deleted"):
        world.submit({f"t{n}": [] for n in range(40)}, key=KEY)
    left = world.store.read(lambda tx: tx.tasks(job.seq, ALL))
    assert 20 <= len(left) < 40
    assert removal.sweep(world.core) == 0  # as far as one piece goes
    pieces = 1
    while removal.step(world.core) is False:
        pieces += 1
    assert pieces >= 2
    assert removal.step(world.core) is None
    assert world.store.read(lambda tx: (tx.job(job.id), tx.tasks(job.seq, ALL))) == (None, [])
    assert world.store.read(lambda tx: tx.job(kept.id)) is not None
