"""What happens around a run that has files? Its folder, its inputs before the program, its outputs after it.

    folder made > inputs brought > the executor runs it > outputs stored > folder removed

The run's clock (`startedAt`, its time limit, its usage) is that of the program alone; the transfers before it have a
cap of their own, and those after it last until the API has the files. A cancel ends any of it at once. A run without
files passes by all this, unless its result is too large for a report.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from app.wire.report import Failure
from app.wire.states import RunState
from worker.outcome import Executor, Finished, Outcome, Why, Work, failed, told_to_end
from worker.stage import folder
from worker.stage.cache import Cache
from worker.stage.inputs import InputError, Inputs
from worker.stage.leash import Leash, OutOfTime, Pulled
from worker.stage.outputs import OutputError, Outputs
from worker.stage.rules import Rules
from worker.stage.upload import StaleError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """One for the node; safe for threads."""

    rules: Rules
    inputs: Inputs
    outputs: Outputs

    @classmethod
    def of(cls, rules: Rules, cache: Cache) -> "Staging":
        return cls(rules=rules, inputs=Inputs(rules=rules, cache=cache), outputs=Outputs(rules=rules))

    def run(self, executor: Executor, work: Work) -> Iterator[Finished | None]:
        """As `Executor.run` with one run, which has files."""
        yield None
        try:
            folder.prepare(work.folder)
        except OSError as problem:
            text = f"no scratch folder {work.folder}: {problem.strerror}"
            yield work, failed(time.monotonic(), "no_scratch", text)
            return
        try:
            prevented = self._bring(work)
            if prevented is not None:
                yield work, prevented
                return
            for finished in executor.run([work]):
                if finished is None:
                    yield None
                else:
                    yield work, self._keep(*finished)
        finally:
            folder.remove(work.folder)

    def large(self, work: Work, outcome: Outcome) -> Outcome:
        """The outcome of a run whose result is too large for a report, with the result stored."""
        large = outcome.large
        if large is None:
            return outcome
        try:
            if outcome.state is not RunState.SUCCEEDED:
                return replace(outcome, large=None)
            leash = Leash()
            result, outcome = _led(
                work, leash, outcome, lambda: self.outputs.send_result(work.spec, large, work.journal, leash)
            )
            return replace(outcome, result=result, large=None)
        finally:
            large.unlink(missing_ok=True)

    def _bring(self, work: Work) -> Outcome | None:
        """What ended the run before it began, if anything did."""
        leash = Leash()
        if not work.attach(lambda why, grace_s: leash.pull()):
            return told_to_end(work, time.monotonic())
        try:
            with leash.within(self.rules.transfer_s):
                self.inputs.bring(work.spec.inputs, work.folder, work.journal, leash)
        except InputError as wrong:
            return failed(time.monotonic(), "input_failed", str(wrong))
        except OutOfTime:
            text = f"the inputs were not there after {self.rules.transfer_s:g} s (FLOTILLA_TRANSFER_S)"
            return failed(time.monotonic(), "input_failed", text)
        except Pulled:
            return told_to_end(work, time.monotonic())
        finally:
            work.attach(_nothing_to_end)
        return None

    def _keep(self, work: Work, outcome: Outcome) -> Outcome:
        if outcome.state is not RunState.SUCCEEDED or not work.spec.outputs:
            return outcome
        leash = Leash()
        _, outcome = _led(work, leash, outcome, lambda: self.outputs.send(work.spec, work.folder, work.journal, leash))
        return outcome


def _led(work: Work, leash: Leash, outcome: Outcome, transfer: Callable[[], T]) -> tuple[T | None, Outcome]:
    """What the transfer brought, and the outcome with what came of it: the run ends when its files are stored."""
    if not work.attach(lambda why, grace_s: leash.pull()):
        return None, told_to_end(work, time.monotonic(), outcome.usage)
    try:
        got = transfer()
    except OutputError as wrong:
        failure = Failure(code=wrong.code, message=str(wrong))
        return None, replace(outcome, state=RunState.FAILED, failure=failure, result=None, ended=time.monotonic())
    except StaleError:
        work.stop(Why.STALE)
        return None, told_to_end(work, time.monotonic(), outcome.usage)
    except Pulled:
        return None, told_to_end(work, time.monotonic(), outcome.usage)
    finally:
        work.attach(_nothing_to_end)
    return got, replace(outcome, ended=time.monotonic())


def _nothing_to_end(why: str, grace_s: float) -> None:
    """Between two steps: the next one sees that it has been told to end."""
