"""Deliveries of webhooks, in memory."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.adapters.memory.state import State
from app.domain.job import Job
from app.domain.template import Version
from app.ports.hooks import Delivery
from app.ports.records import Page


class DeliveryReads:
    _state: State
    _now_us: int

    def delivery(self, delivery_id: str) -> Delivery | None:
        return next((each for each in self._state.deliveries if each.id == delivery_id), None)

    def deliveries(self, job_seq: int, page: Page) -> list[Delivery]:
        after = page.after[0] if page.after else 0
        found = [each for each in self._state.deliveries if each.job_seq == job_seq and each.seq > after]
        return sorted(found, key=lambda each: each.seq)[: page.limit]

    def pending_deliveries(self) -> int:
        return sum(1 for each in self._state.deliveries if each.due_at_us is not None)

    def has_due_delivery(self) -> bool:
        return any(each.due_at_us is not None and each.due_at_us <= self._now_us for each in self._state.deliveries)


class HookWrites:
    _state: State

    def lock_hooked_jobs(self, marker: str, after: int, limit: int) -> list[Job]:
        found = [job for job in self._state.jobs if job.seq > after and _has(job.webhooks, marker)]
        return sorted(found, key=lambda job: job.seq)[:limit]

    def save_webhooks(self, job_seq: int, webhooks: Sequence[Any]) -> None:
        self._state.put_job(replace(self._state.jobs[job_seq], webhooks=tuple(webhooks)))

    def lock_hooked_versions(self, marker: str, after: tuple[str, int], limit: int) -> list[tuple[str, Version]]:
        found = [each for each in self._state.template_versions if (each.template_id, each.number) > after]
        found = [each for each in found if _has(each.job.webhooks, marker)]
        found.sort(key=lambda each: (each.template_id, each.number))
        return [(self._state.templates[each.template_id].org_id, each) for each in found[:limit]]

    def save_template_version(self, version: Version) -> None:
        self._state.template_versions.put((version.template_id, version.number), version)


def _has(webhooks: Sequence[Any], marker: str) -> bool:
    return marker in json.dumps(webhooks, separators=(",", ":"))


class DeliveryWrites(DeliveryReads):
    def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            seq = self._state.number("deliveries")
            self._state.deliveries.put(seq, replace(each, seq=seq))

    def lock_delivery(self, delivery_id: str) -> Delivery | None:
        return self.delivery(delivery_id)

    def lock_due_deliveries(self, limit: int) -> list[Delivery]:
        due = [(each.due_at_us, each.seq, each) for each in self._state.deliveries if each.due_at_us is not None]
        return [each for due_at_us, _, each in sorted(due)[:limit] if due_at_us <= self._now_us]

    def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            if self._state.deliveries.get(each.seq) is not None:
                self._state.deliveries.put(each.seq, each)

    def forget_deliveries(self, tried_before_us: int, limit: int) -> int:
        over = [
            (each.tried_at_us, each.seq)
            for each in self._state.deliveries
            if each.due_at_us is None and each.tried_at_us is not None and each.tried_at_us < tried_before_us
        ]
        gone = sorted(over)[:limit]
        for _, seq in gone:
            self._state.deliveries.drop(seq)
        return len(gone)

    def _delete_deliveries_of(self, job_seq: int) -> None:
        for each in self._state.deliveries:
            if each.job_seq == job_seq:
                self._state.deliveries.drop(each.seq)
