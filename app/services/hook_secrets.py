"""A webhook's own secret: sealed before it is stored, opened to sign what is sent, and shown to nobody.

In a stored webhook the sealed text is under `sealed`, in place of `secret`. It belongs to the organization and to the
webhook's address: in another's row, or beside another address, it opens for nobody. What lies in the clear from before
is still good, and is sealed as soon as an engine starts that has a key (`app/adapters/postman.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from app.domain.errors import Conflict
from app.ports.store import Store, Writer
from app.ports.vault import Unreadable, Vault
from app.services.core import Core

CLEAR: Final = "secret"
SEALED: Final = "sealed"
_AT_ONCE: Final = 100

Hook = Mapping[str, Any]  # JSON
Renew = Callable[[str, Sequence[Hook]], tuple[Hook, ...]]
"""What becomes of the webhooks of an organization: the same ones where there is nothing to do."""


def seal(core: Core, org_id: str, hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    """As they are stored. Raises Conflict where there is no key."""
    if not any(CLEAR in hook for hook in hooks):
        return tuple(hooks)
    if core.vault is None:
        raise Conflict(
            "this server keeps no secrets of webhooks: it has no key; set FLOTILLA_SECRETS_KEY_FILE, or leave the "
            "secret out to have it signed with the organization's (GET /v1/webhooks/secret)"
        )
    return _sealed(core.vault, org_id, hooks)


def opened(core: Core, org_id: str, hook: Hook) -> str | None:
    """None for a webhook that has none. Raises Unreadable."""
    if SEALED not in hook:
        return hook.get(CLEAR)
    if core.vault is None:
        raise Unreadable("this process has no key")
    return core.vault.open(hook[SEALED], _place(org_id, hook))


def seal_clear(store: Store, vault: Vault) -> int:
    """Whatever was stored in the clear; how many rows there were."""
    return _walk(store, f'"{CLEAR}":"', partial(_sealed, vault))


def reseal(store: Store, vault: Vault) -> int:
    """Whatever is not sealed with the first key is; how many rows there were. Raises Unreadable."""
    return seal_clear(store, vault) + _walk(store, f'"{SEALED}":"', partial(_renewed, vault))


def _walk(store: Store, marker: str, renew: Renew) -> int:
    """Over all jobs and versions of templates whose webhooks have the marker in them, some at a time."""
    count = 0
    for step in (_jobs, _versions):
        after: Any = None
        while True:
            after, done = store.write(partial(step, marker=marker, renew=renew, after=after))
            count += done
            if after is None:
                break
    return count


def _jobs(tx: Writer, *, marker: str, renew: Renew, after: int | None) -> tuple[int | None, int]:
    found, done = tx.lock_hooked_jobs(marker, after or 0, _AT_ONCE), 0
    for job in found:
        hooks = renew(job.org_id, job.webhooks)
        if hooks != job.webhooks:
            tx.save_webhooks(job.seq, hooks)
            done += 1
    return (found[-1].seq if len(found) == _AT_ONCE else None), done


def _versions(
    tx: Writer, *, marker: str, renew: Renew, after: tuple[str, int] | None
) -> tuple[tuple[str, int] | None, int]:
    found, done = tx.lock_hooked_versions(marker, after or ("", 0), _AT_ONCE), 0
    for org_id, version in found:
        hooks = renew(org_id, version.job.webhooks)
        if hooks != version.job.webhooks:
            tx.save_template_version(replace(version, job=replace(version.job, webhooks=hooks)))
            done += 1
    last = found[-1][1] if len(found) == _AT_ONCE else None
    return (None if last is None else (last.template_id, last.number)), done


def _sealed(vault: Vault, org_id: str, hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    return tuple(
        _with(hook, vault.seal(hook[CLEAR], _place(org_id, hook))) if CLEAR in hook else hook for hook in hooks
    )


def _renewed(vault: Vault, org_id: str, hooks: Sequence[Hook]) -> tuple[Hook, ...]:
    return tuple(_renewed_one(vault, org_id, hook) for hook in hooks)


def _renewed_one(vault: Vault, org_id: str, hook: Hook) -> Hook:
    if SEALED not in hook or vault.current(hook[SEALED]):
        return hook
    place = _place(org_id, hook)
    try:
        value = vault.open(hook[SEALED], place)
    except Unreadable as wrong:
        raise Unreadable(f"the secret of a webhook of organization {org_id} cannot be read: {wrong}") from None
    return _with(hook, vault.seal(value, place))


def _with(hook: Hook, sealed: str) -> Hook:
    return {**{name: value for name, value in hook.items() if name != CLEAR}, SEALED: sealed}


def _place(org_id: str, hook: Hook) -> str:
    """No name of a secret has a blank in it, so that neither opens as the other."""
    return f"{org_id}/webhook {hook['url']}"
