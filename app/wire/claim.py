"""A node takes runs: the offer over the broker, the claim over HTTP, and the full spec that answers it.

offer  API -> broker -> node   run ids only: a doorbell. A forged or stale one claims nothing
claim  node -> API             "I take these runs": answered with what to run
"""

from dataclasses import dataclass, field

from app.wire.codec import Json, each, maybe, part, take, text
from app.wire.resources import Resources

OFFER_TASK = "flotilla.run"
"""The Celery task's name of an offer; its only argument is the list of run ids."""

MAX_BUNDLE = 64
"""Runs that travel together at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """`value` belongs wherever `mark` stands in the payload and the inputs: a text by chance that stands nowhere else.

    It is never written down: neither by the API nor by a node, which puts it in just before the run starts.
    """

    name: str
    mark: str
    value: str = field(repr=False)

    def to_wire(self) -> Json:
        return {"name": self.name, "mark": self.mark, "value": self.value}

    @classmethod
    def from_wire(cls, source: Json) -> "Secret":
        return cls(
            name=take(source, "name", str),
            mark=take(source, "mark", str),
            value=take(source, "value", str),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything a node needs to run one run; references in `payload` are already resolved, but for secrets."""

    run_id: str
    fence: int
    job_id: str
    task_id: str
    task: str
    attempt: int
    map_index: int | None
    executor: str
    version: str
    payload: Json
    inputs: Json
    outputs: Json
    shape: Resources
    time_limit_s: int
    grace_s: int
    token: str = field(repr=False)
    secrets: tuple[Secret, ...] = ()
    trace: str | None = None
    """The W3C trace context that its program goes on in."""

    def to_wire(self) -> Json:
        return {
            "runId": self.run_id,
            "fence": self.fence,
            "jobId": self.job_id,
            "taskId": self.task_id,
            "task": self.task,
            "attempt": self.attempt,
            "mapIndex": self.map_index,
            "executor": self.executor,
            "version": self.version,
            "payload": self.payload,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "shape": self.shape.to_wire(),
            "timeLimitS": self.time_limit_s,
            "graceS": self.grace_s,
            "token": self.token,
            "trace": self.trace,
            **({"secrets": [secret.to_wire() for secret in self.secrets]} if self.secrets else {}),
        }

    @classmethod
    def from_wire(cls, source: Json) -> "RunSpec":
        return cls(
            run_id=take(source, "runId", str),
            fence=take(source, "fence", int),
            job_id=take(source, "jobId", str),
            task_id=take(source, "taskId", str),
            task=take(source, "task", str),
            attempt=take(source, "attempt", int),
            map_index=maybe(source, "mapIndex", int),
            executor=take(source, "executor", str),
            version=take(source, "version", str),
            payload=source.get("payload"),
            inputs=source.get("inputs") or [],
            outputs=source.get("outputs") or [],
            shape=part(source, "shape", Resources.from_wire),
            time_limit_s=take(source, "timeLimitS", int),
            grace_s=take(source, "graceS", int),
            token=take(source, "token", str),
            secrets=each(source, "secrets", Secret.from_wire) if "secrets" in source else (),
            trace=maybe(source, "trace", str),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """`claim_id` is made by the node once per offer: a repeat after a lost answer gets the same runs again."""

    claim_id: str
    run_ids: tuple[str, ...]
    free: Resources

    def to_wire(self) -> Json:
        return {"claimId": self.claim_id, "runIds": list(self.run_ids), "free": self.free.to_wire()}

    @classmethod
    def from_wire(cls, source: Json) -> "Claim":
        return cls(
            claim_id=take(source, "claimId", str),
            run_ids=each(source, "runIds", text),
            free=part(source, "free", Resources.from_wire),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAnswer:
    """The runs that are now this node's; ids that were asked for and are absent were taken, canceled or unknown."""

    now_us: int
    runs: tuple[RunSpec, ...]

    def to_wire(self) -> Json:
        return {"nowUs": self.now_us, "runs": [run.to_wire() for run in self.runs]}

    @classmethod
    def from_wire(cls, source: Json) -> "ClaimAnswer":
        return cls(now_us=take(source, "nowUs", int), runs=each(source, "runs", RunSpec.from_wire))
