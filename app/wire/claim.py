"""A node takes runs: the offer over the broker, the claim over HTTP, and the full spec that answers it.

offer  API -> broker -> node   run ids only: a doorbell. A forged or stale one claims nothing
claim  node -> API             "I take these runs": answered with what to run
"""

from app.wire.codec import Int, Json, Message
from app.wire.resources import Resources

OFFER_TASK = "flotilla.run"
"""The Celery task's name of an offer; its only argument is the list of run ids."""

MAX_BUNDLE = 128
"""Runs that travel together at most."""


class Secret(Message, frozen=True, kw_only=True):
    """`value` belongs wherever `mark` stands in the payload and the inputs: a text by chance that stands nowhere else.

    It is never written down: neither by the API nor by a node, which puts it in just before the run starts.
    """

    name: str
    mark: str
    value: str

    def __repr__(self) -> str:
        return f"Secret(name={self.name!r}, mark={self.mark!r})"


class RunSpec(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a node needs to run one run; references in `payload` are already resolved, but for secrets."""

    run_id: str
    fence: Int
    job_id: str
    task_id: str
    task: str
    attempt: Int
    map_index: Int | None
    executor: str
    version: str
    payload: Json
    inputs: list[Json]
    outputs: list[Json]
    shape: Resources
    time_limit_s: Int
    grace_s: Int
    token: str
    secrets: tuple[Secret, ...] = ()
    trace: str | None = None
    """The W3C trace context that its program goes on in."""
    follows: str | None = None
    """A run that came with it: it begins when that has succeeded, and else goes back unbegun."""

    def __repr__(self) -> str:
        return f"RunSpec(run_id={self.run_id!r}, fence={self.fence}, task={self.task!r})"


class Claim(Message, frozen=True, kw_only=True):
    """`claim_id` is made by the node once per offer: a repeat after a lost answer gets the same runs again."""

    claim_id: str
    run_ids: tuple[str, ...]
    free: Resources


class ClaimAnswer(Message, frozen=True, kw_only=True):
    """The runs that are now this node's; ids that were asked for and are absent were taken, canceled or unknown."""

    now_us: Int
    runs: tuple[RunSpec, ...]
