"""What runs have said, in memory."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from app.adapters.memory.state import State
from app.ports.logs import LinesFound, LinesWanted, grave, known_stream, levels_from
from app.ports.records import Page, StoredLine


class LogReads:
    _state: State

    def lines(
        self, page: Page, *, job_seq: int | None = None, task_seq: int | None = None, run_id: str | None = None
    ) -> Sequence[StoredLine]:
        after = page.after[0] if page.after else None
        asked = LinesWanted(job_seq=job_seq, task_seq=task_seq, run_id=run_id, after=after, limit=page.limit)
        return self.find_lines(asked).lines

    def find_lines(self, wanted: LinesWanted) -> LinesFound:
        found: list[StoredLine] = []
        for looked_at, line in enumerate(self._from(wanted)):
            if looked_at == wanted.look_at:
                return LinesFound(lines=found, looked=line.seq + (1 if wanted.newest_first else -1))
            if _fits(line, wanted):
                found.append(line)
                if len(found) == wanted.limit:
                    return LinesFound(lines=found, looked=line.seq)
        return LinesFound(lines=found)

    def log_length(self, run_id: str) -> int:
        return self._state.lines_of.count(("run", run_id))

    def said_bytes(self, run_ids: Collection[str]) -> Mapping[tuple[str, str], int]:
        found = Counter[tuple[str, str]]()
        for run_id in set(run_ids):
            for seq in self._state.lines_of.of(("run", run_id)):
                line = self._state.lines[seq].line
                found[run_id, known_stream(line.stream)] += len(line.text.encode()) + 1
        return found

    def _from(self, wanted: LinesWanted) -> Iterator[StoredLine]:
        """What is asked through, in its order."""
        given = [("job", wanted.job_seq), ("task", wanted.task_seq), ("run", wanted.run_id)]
        seqs = self._state.lines_of.of(next((name, value) for name, value in given if value is not None))
        for seq in reversed(seqs) if wanted.newest_first else seqs:
            line = self._state.lines[seq]
            given_before = wanted.after is not None and (
                seq >= wanted.after if wanted.newest_first else seq <= wanted.after
            )
            if wanted.first <= line.place <= wanted.last and not given_before:
                yield line


class LogWrites(LogReads):
    def add_lines(self, lines: Sequence[StoredLine]) -> None:
        for line in lines:
            number = line.line.line
            if number and (line.run_id, number) in self._state.said:
                continue
            seq = self._state.number("lines")
            if number:
                self._state.said.put((line.run_id, number), seq)
            place = self.log_length(line.run_id) + 1
            self._state.lines.put(seq, replace(line, seq=seq, place=place))
            for key in (("job", line.job_seq), ("task", line.task_seq), ("run", line.run_id)):
                self._state.lines_of.add(key, seq)


def _fits(line: StoredLine, wanted: LinesWanted) -> bool:
    said, text = line.line, wanted.text
    return (
        (not wanted.streams or known_stream(said.stream) in wanted.streams)
        and grave(said.level) in levels_from(wanted.level)
        and (text in said.text if wanted.match_case else text.casefold() in said.text.casefold())
    )
