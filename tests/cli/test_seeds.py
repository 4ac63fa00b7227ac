"""The tokens of a data folder are good from the first moment on, and stay revoked when they were."""

from dataclasses import replace

import pytest

from app.adapters.memory import MemoryBlobs, MemoryBroker, MemoryStore
from app.adapters.system_chance import SystemChance
from app.cli.data_folder import new_token
from app.cli.seeds import ensure_token
from app.domain.errors import Unauthorized
from app.services.access import authenticate
from app.services.core import Core


@pytest.fixture
def core() -> Core:
    return Core(store=MemoryStore(clock=lambda: 1), broker=MemoryBroker(), chance=SystemChance(), blobs=MemoryBlobs())


def test_a_token_of_the_folder_lets_in_with_its_role(core: Core) -> None:
    for role in ("admin", "node"):
        text = new_token()
        ensure_token(core.store, text, name="up", role=role)
        assert authenticate(core, text).role == role


def test_a_revoked_token_is_not_made_good_by_a_new_start(core: Core) -> None:
    text = new_token()
    ensure_token(core.store, text, name="up", role="admin")
    token_id = text.split("_")[1]

    def revoke(tx) -> None:
        tx.save_token(replace(tx.token(token_id), revoked_at_us=1))

    core.store.write(revoke)
    ensure_token(core.store, text, name="up", role="admin")
    with pytest.raises(Unauthorized):
        authenticate(core, text)
