"""What Flower and other listeners to Celery's events are told: each run as a task of its own, with its task's name, its
state and its result. A message of the broker is only a bell for several runs, and says nothing of how they end.

Events are sent only where `FLOTILLA_EVENTS` asks for them. They say nothing of the payload, and nothing that a run with
secrets has said.
"""

import json
import logging
from typing import Any, Final

from app.wire.claim import RunSpec
from app.wire.states import RunState
from worker.outcome import Outcome

log = logging.getLogger(__name__)
LONGEST: Final = 500
HIDDEN: Final = "(hidden: the run has secrets)"


class RunEvents:
    """`dispatcher` is Celery's, once its consumer has begun. From any thread; what cannot be sent is not."""

    def __init__(self) -> None:
        self.dispatcher: Any = None

    @property
    def wanted(self) -> bool:
        return self.dispatcher is not None and self.dispatcher.enabled

    def taken(self, spec: RunSpec) -> None:
        if not self.wanted:
            return
        where = json.dumps({"job": spec.job_id, "task": spec.task_id, "executor": spec.executor})
        common = {"uuid": spec.run_id, "name": name_of(spec), "retries": spec.attempt - 1}
        self._send("task-received", **common, args="()", kwargs=where, root_id=spec.job_id, parent_id=None)
        self._send("task-started", **common)

    def ended(self, spec: RunSpec, outcome: Outcome) -> None:
        if not self.wanted:
            return
        common = {"uuid": spec.run_id, "name": name_of(spec)}
        if outcome.state is RunState.SUCCEEDED:
            result = HIDDEN if spec.secrets else json.dumps(outcome.result)[:LONGEST]
            self._send("task-succeeded", **common, result=result, runtime=outcome.usage.wall_s)
        elif outcome.state is RunState.CANCELED:
            self._send("task-revoked", **common, terminated=True, signum=None, expired=False)
        else:
            self._send("task-failed", **common, exception=_why(spec, outcome), traceback="")

    def _send(self, kind: str, **said: Any) -> None:
        try:
            self.dispatcher.send(kind, **said)
        except Exception as problem:  # a listener that is not there must not cost a run
            log.debug("%s of run %s was not told: %s", kind, said["uuid"], problem)


def name_of(spec: RunSpec) -> str:
    return spec.task if spec.map_index is None else f"{spec.task}[{spec.map_index}]"


def _why(spec: RunSpec, outcome: Outcome) -> str:
    if outcome.failure is None:
        return outcome.state.value
    return f"{outcome.failure.code}: {HIDDEN if spec.secrets else outcome.failure.message[:LONGEST]}"
