"""Which files of a run are kept when it has succeeded? Its declared outputs, each a regular file below its folder.

Runs that failed keep nothing: what they left is of no use to a task that needs them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.wire.claim import RunSpec
from app.wire.codec import Json
from app.wire.outputs import RESULT
from worker.outcome import Journal
from worker.stage import beneath
from worker.stage.dial import Resolve, resolve
from worker.stage.leash import Leash
from worker.stage.rules import Rules
from worker.stage.telling import Telling
from worker.stage.upload import Upload, UploadError

MOST_NAMED = 10


class OutputError(Exception):
    """An output is not there or cannot be stored; the text names its path."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """Stores the outputs of all runs of a node; safe for threads."""

    rules: Rules
    resolve: Resolve = field(default=resolve)

    def send(self, spec: RunSpec, folder: Path, journal: Journal, leash: Leash) -> None:
        """All of them. Raises OutputError, StaleError, and what the leash raises."""
        try:
            declared = [(str(each["name"]), str(each["source"]["path"])) for each in spec.outputs]
        except (KeyError, TypeError):
            raise OutputError("bad_output", 'an output must be {"source": {"path": ...}, "name": ...}') from None
        self._check(folder, [path for _, path in declared])
        for name, path in declared:
            self._send(spec, folder, path, name, path, journal, leash)

    def send_result(self, spec: RunSpec, large: Path, journal: Journal, leash: Leash) -> Json:
        """What stands in the report in place of a large result. Raises as `send`."""
        stored = self._send(spec, large.parent, large.name, RESULT, "result.json", journal, leash)
        return {"asset": {key: stored.get(key) for key in ("id", "uri", "size", "checksum")}}

    def _check(self, folder: Path, paths: list[str]) -> None:
        """Before anything is sent, so that all that is missing is named at once."""
        missing = []
        for path in paths:
            try:
                with beneath.opened(folder, path) as (_, size):
                    if size > self.rules.file_bytes:
                        raise OutputError("output_refused", f"the output {path} {self.rules.too_large}: {size} bytes")
            except beneath.AbsentError:
                missing.append(path)
            except beneath.PathError as wrong:
                raise OutputError("output_refused", f"the output {path} {wrong}; only a file is stored") from None
        if missing:
            names = ", ".join(missing[:MOST_NAMED])
            more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
            raise OutputError("output_missing", f"the run did not write its declared output {names}{more}")

    def _send(
        self, spec: RunSpec, root: Path, path: str, name: str, shown: str, journal: Journal, leash: Leash
    ) -> dict[str, Any]:
        try:
            with Telling(journal, "storing", shown) as telling:
                upload = Upload(
                    spec=spec,
                    root=root,
                    path=path,
                    name=name,
                    filename=shown.rstrip("/").rpartition("/")[2],
                    rules=self.rules,
                    leash=leash,
                    telling=telling,
                    resolve=self.resolve,
                )
                return upload.send()
        except beneath.PathError as wrong:
            raise OutputError("output_refused", f"the output {shown} {wrong}") from None
        except UploadError as wrong:
            raise OutputError("output_failed", f"the output {shown} cannot be stored: {wrong}") from None
