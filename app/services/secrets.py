"""Secrets of an organization: written, named, never shown. Their values go to nodes alone, beside the specs that need
them, and a node puts them in just before a run starts.

    submit      each `${{ secrets.NAME }}` must name one that is there (`check`)
    claim       in the payload each becomes a mark by chance, which nothing that a run brings in can hold; values
                travel apart, with the mark that each stands for (`opened`, `assign.py`, `worker/confidential.py`)
    rotation    all that is sealed with an older key is sealed with the first one (`reseal`)
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from app.domain import limits, references
from app.domain.errors import Conflict, Invalid, NotFound, Problem
from app.domain.references import SECRET_NAME, SecretUse
from app.domain.run import Run
from app.ports.secrets import Secret
from app.ports.store import Reader, Store, Writer
from app.ports.vault import Unreadable, Vault
from app.services.access import Principal
from app.services.core import Core
from app.wire.masking import SHORTEST, Mask

ADMIN: Final = "org:admin"
_AT_ONCE: Final = 100
_OF_A_FILE: Final = ("/source/spaceId", "/source/key")


def listing(core: Core, who: Principal) -> list[Secret]:
    """By name."""
    who.require(ADMIN)
    return core.store.read(lambda tx: tx.secrets(who.org_id))


def put(core: Core, who: Principal, name: str, value: str) -> Secret:
    """Raises Invalid, and Conflict where there is no key to seal it with."""
    who.require(ADMIN)
    if wrong := _wrong(name, value):
        raise Invalid([wrong])
    vault = vault_of(core)

    def work(tx: Writer) -> Secret:
        known = {secret.name: secret for secret in tx.secrets(who.org_id)}
        if name not in known and len(known) >= limits.MAX_SECRETS:
            raise Conflict(f"the organization has {len(known)} secrets, and may have no more")
        secret = Secret(
            org_id=who.org_id,
            name=name,
            sealed=vault.seal(value, _place(who.org_id, name)),
            created_at_us=known[name].created_at_us if name in known else tx.now_us,
            changed_at_us=tx.now_us,
            changed_by=who.name,
            used_at_us=known[name].used_at_us if name in known else None,
        )
        tx.save_secret(secret)
        return secret

    return core.store.write(work)


def delete(core: Core, who: Principal, name: str) -> None:
    """Tasks that refer to it fail when they are to start. Raises NotFound."""
    who.require(ADMIN)
    if not core.store.write(lambda tx: tx.delete_secret(who.org_id, name)):
        raise NotFound("there is no such secret")


def check(tx: Reader, org_id: str, used: Sequence[SecretUse]) -> None:
    """Raises Invalid for those that are not there."""
    if not used:
        return
    known = tx.sealed(org_id, {use.name for use in used})
    problems = [Problem(use.pointer, wrong) for use in used if (wrong := _misused(use, known))]
    if problems:
        raise Invalid(problems[: limits.MAX_PROBLEMS], total=len(problems))


def opened(
    core: Core, tx: Reader, wanted: Mapping[int, Collection[str]], *, to_runs: bool = False
) -> Mapping[int, Mapping[str, str]]:
    """By the number of each job the values of these secrets of its organization, as far as they can be read. `to_runs`:
    runs are given them now, which is noted.
    """
    owners = tx.owners(list(wanted)) if wanted else {}
    found = {}
    for job_seq, names in wanted.items():
        org_id = owners.get(job_seq, "")
        sealed = tx.sealed(org_id, names) if core.vault is not None else {}
        found[job_seq] = _readable(core.vault, org_id, sealed) if core.vault is not None else {}
        if to_runs:
            core.secret_uses.note(org_id, found[job_seq])
    return found


def mask_of(core: Core, tx: Reader, run: Run) -> Mask:
    """For what the run says of itself, past its node."""
    owner = run.owner_seq
    spec = tx.specs_by_seq([owner]).get(owner)
    names = {each.key for each in references.find([spec.payload, list(spec.inputs)]) if each.of_secret} if spec else ()
    return Mask(opened(core, tx, {run.job_seq: names})[run.job_seq].values() if names else ())


def reseal(store: Store, vault: Vault) -> int:
    """Everything sealed with another key than the first one is sealed with that; how many there were. Raises Unreadable
    when one cannot be opened with any key.
    """
    count = 0
    after: tuple[str, str] | None = ("", "")
    while after is not None:
        after, done = store.write(partial(_reseal_some, vault=vault, after=after))
        count += done
    return count


def _reseal_some(tx: Writer, *, vault: Vault, after: tuple[str, str]) -> tuple[tuple[str, str] | None, int]:
    found = tx.lock_secrets(after, _AT_ONCE)
    old = [secret for secret in found if not vault.current(secret.sealed)]
    for secret in old:
        place = _place(secret.org_id, secret.name)
        try:
            value = vault.open(secret.sealed, place)
        except Unreadable as wrong:
            whose = f"the secret {secret.name} of organization {secret.org_id}"
            raise Unreadable(f"{whose} cannot be read: {wrong}") from None
        tx.save_secret(replace(secret, sealed=vault.seal(value, place)))
    last = (found[-1].org_id, found[-1].name) if len(found) == _AT_ONCE else None
    return last, len(old)


def vault_of(core: Core) -> Vault:
    """Raises Conflict when there is none."""
    if core.vault is None:
        raise Conflict("this server keeps no secrets: it has no key; set FLOTILLA_SECRETS_KEY_FILE")
    return core.vault


def _readable(vault: Vault, org_id: str, sealed: Mapping[str, str]) -> Mapping[str, str]:
    values = {}
    for name, text in sealed.items():
        try:
            values[name] = vault.open(text, _place(org_id, name))
        except Unreadable:
            continue
    return values


def _place(org_id: str, name: str) -> str:
    return f"{org_id}/{name}"


def _misused(use: SecretUse, known: Collection[str]) -> str | None:
    if use.name not in known:
        return f"there is no secret {use.name}; PUT /v1/secrets/{use.name} stores one"
    return "a stored file cannot be named by a secret" if use.pointer.endswith(_OF_A_FILE) else None


def _wrong(name: str, value: str) -> Problem | None:
    if not SECRET_NAME.fullmatch(name):
        return Problem("", "a secret's name has letters, digits and _, at most 100, and begins with no digit")
    size = len(value.encode("utf-8", "replace"))
    if len(value) < SHORTEST or size > limits.MAX_SECRET_BYTES:
        detail = f"must have at least {SHORTEST} characters, so that it can be hidden in logs, and at most"
        return Problem("/value", f"{detail} {limits.MAX_SECRET_BYTES} bytes")
    if "\0" in value:
        return Problem("/value", "must not hold a zero character: no program could be given it")
    return None
