"""Sealed secrets, in memory."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from app.adapters.memory.state import State
from app.ports.secrets import Secret


class SecretReads:
    _state: State

    def secrets(self, org_id: str) -> list[Secret]:
        return [secret for secret in self._sorted() if secret.org_id == org_id]

    def sealed(self, org_id: str, names: Collection[str]) -> Mapping[str, str]:
        return {secret.name: secret.sealed for secret in self.secrets(org_id) if secret.name in names}

    def _sorted(self) -> list[Secret]:
        return sorted(self._state.secrets, key=lambda secret: (secret.org_id, secret.name))


class SecretWrites(SecretReads):
    _now_us: int

    def save_secret(self, secret: Secret) -> None:
        self._state.secrets.put((secret.org_id, secret.name), secret)

    def delete_secret(self, org_id: str, name: str) -> bool:
        there = (org_id, name) in self._state.secrets
        self._state.secrets.drop((org_id, name))
        return there

    def note_secret_uses(self, used: Collection[tuple[str, str]], before_us: int) -> None:
        for key in used:
            secret = self._state.secrets.get(key)
            if secret is not None and (secret.used_at_us is None or secret.used_at_us < before_us):
                self._state.secrets.put(key, replace(secret, used_at_us=self._now_us))

    def lock_secrets(self, after: tuple[str, str], limit: int) -> list[Secret]:
        return [secret for secret in self._sorted() if (secret.org_id, secret.name) > after][:limit]
