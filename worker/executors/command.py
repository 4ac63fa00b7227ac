"""How is a `command` run? A program with its arguments, in its scratch folder, with an environment built for it."""

import errno
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing

from app.wire.codec import WireError
from worker.executors.order import Order
from worker.executors.sandbox import Sandbox
from worker.executors.series import Launcher, NotThereError, Series
from worker.outcome import Finished, Outcome, Work, failed
from worker.stage import folder
from worker.supervise import Launch, Wardens


class Command:
    """Each run gets a warden for its time; wardens are kept for the next run."""

    name = "command"

    def __init__(self, *, mark: dict[str, str], api_url: str, sandbox: Sandbox | None = None) -> None:
        self.mark = mark
        self._api_url = api_url
        self._sandbox = sandbox
        self._wardens = Wardens(mark)

    def run(self, works: Sequence[Work]) -> Iterator[Finished | None]:
        yield from Series(self._wardens, self._launch, [(work, _order(work)) for work in works]).outcomes()

    def trim(self, now: float) -> None:
        self._wardens.trim(now)

    def close(self) -> None:
        self._wardens.close()

    def perform(self, work: Work, order: Order, launch: Launcher | None = None) -> Outcome:
        """The order, in the run's folder; `launch` says how, when it is no program of this machine."""
        with closing(Series(self._wardens, launch or self._launch, [(work, order)]).outcomes()) as outcomes:
            return next(filter(None, outcomes))[1]

    def environment(self, work: Work, order: Order) -> dict[str, str]:
        return {**environment(work, self._api_url), **order.env, **self.mark, "FLOTILLA_RUN_ID": work.spec.run_id}

    def _launch(self, work: Work, order: Order) -> Launch:
        spec, env, argv = work.spec, self.environment(work, order), order.argv
        if self._sandbox is not None:
            if (
                shutil.which(os.path.join(work.folder, argv[0]) if "/" in argv[0] else argv[0], path=env["PATH"])
                is None
            ):
                raise NotThereError(os.strerror(errno.ENOENT))
            argv = self._sandbox.wrap(
                argv, work.folder, network=order.network, readable=order.readable, memory_mib=spec.shape.memory_mib
            )
        return Launch(
            run=spec.run_id,
            argv=argv,
            env=env,
            cwd=str(work.folder),
            stdin=order.stdin,
            memory_mib=spec.shape.memory_mib,
            cpu_milli=spec.shape.cpu_milli,
            limit_s=spec.time_limit_s,
            grace_s=spec.grace_s,
            wrapped=self._sandbox is not None,
        )


def _order(work: Work) -> Order | Outcome:
    try:
        return Order.from_payload(work.spec.payload)
    except WireError as wrong:
        return failed(time.monotonic(), "bad_payload", f"the payload of the command is wrong: {wrong}")


def environment(work: Work, api_url: str) -> dict[str, str]:
    """What a program finds; nothing of the node's own environment but where programs are found."""
    spec = work.spec
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work.folder),
        "TMPDIR": str(work.folder),
        "LANG": "C.UTF-8",
        "FLOTILLA_RESULT": str(work.folder / folder.RESULT_NAME),
        "FLOTILLA_RUN_ID": spec.run_id,
        "FLOTILLA_TASK": spec.task,
        "FLOTILLA_JOB_ID": spec.job_id,
        "FLOTILLA_ATTEMPT": str(spec.attempt),
        "FLOTILLA_CPUS": f"{spec.shape.cpu_milli / 1000:g}",
        "FLOTILLA_MEMORY_MB": str(spec.shape.memory_mib),
        "FLOTILLA_API_URL": api_url,
        "FLOTILLA_RUN_TOKEN": spec.token,
        **({"TRACEPARENT": spec.trace} if spec.trace else {}),
    }
