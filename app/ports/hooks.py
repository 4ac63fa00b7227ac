"""Webhooks: what is to be told to others, kept until they have answered. Part of `store.py`; and how it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from app.domain.job import Job
from app.domain.template import Version
from app.ports.records import Page


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one of a job's webhooks (`hook` is its place among them), and how far it has come.

    `due_at_us` is when it is tried next, or given to another engine where the one that has it dies; None once it is
    over. `since_us` is when trying began. `status` and `detail` are of the last try.
    """

    seq: int = 0
    id: str
    org_id: str
    job_seq: int
    job_id: str
    task_id: str | None
    hook: int
    event: str
    body: Any  # JSON
    state: DeliveryState = DeliveryState.PENDING
    created_at_us: int
    since_us: int
    due_at_us: int | None
    tried_at_us: int | None = None
    tries: int = 0
    status: int | None = None
    detail: str | None = None


class DeliveryReads(Protocol):
    def delivery(self, delivery_id: str) -> Delivery | None: ...
    def deliveries(self, job_seq: int, page: Page) -> list[Delivery]:
        """Oldest first; the key is (seq,)."""

    def pending_deliveries(self) -> int: ...
    def has_due_delivery(self) -> bool: ...


class HookWrites(Protocol):
    """Of webhooks as they are stored. `marker` is a text that the JSON of those wanted has in it."""

    def lock_hooked_jobs(self, marker: str, after: int, limit: int) -> list[Job]:
        """By number, those behind this one, of all organizations, locked."""

    def save_webhooks(self, job_seq: int, webhooks: Sequence[Any]) -> None:
        """Of a job that is locked; nobody is told that it has changed."""

    def lock_hooked_versions(self, marker: str, after: tuple[str, int], limit: int) -> list[tuple[str, Version]]:
        """With their organizations, by template and number, those behind this (template, number), locked."""

    def save_template_version(self, version: Version) -> None:
        """What it saves of a job."""


class DeliveryWrites(Protocol):
    def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """`seq` is ignored and given by the store."""

    def lock_delivery(self, delivery_id: str) -> Delivery | None: ...
    def lock_due_deliveries(self, limit: int) -> list[Delivery]:
        """The first ones that are due, by time; those others hold are passed over."""

    def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Their state and what was tried."""

    def forget_deliveries(self, tried_before_us: int, limit: int) -> int:
        """At most so many of those that are over and were last tried before then; how many went."""


class Unsendable(Exception):
    """It may not be sent there; trying again does not help. The message is for the URL's owner."""


class Poster(Protocol):
    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer, whose content nobody reads. Raises Unsendable, and Unavailable for no answer."""
