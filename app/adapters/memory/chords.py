"""Chords in memory: of jobs, by their parts, and of Celery's own canvas."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from msgspec import structs

from app.adapters.memory.reader import MemoryReader
from app.adapters.memory.state import Literal
from app.domain.chords import Count, RunWhen
from app.domain.task import Task, in_line
from app.ports.records import ChordState, LiteralChord, Part
from app.wire.states import TaskState


class ChordWrites(MemoryReader):
    def insert_chords(self, chords: Sequence[tuple[int, Sequence[int]]]) -> None:
        for body, header in chords:
            self._state.chords.put(body, Count(size=len(header)))
            for index, seq in enumerate(header):
                self._state.headers.add(body, (index, seq))
                self._state.bodies.add(seq, body)

    def return_parts(self, parts: Sequence[Part]) -> list[ChordState]:
        changed: set[int] = set()
        for part in parts:
            for body in self._state.bodies.of(part.header_seq):
                if (part.header_seq, body) not in self._state.outcomes:
                    self._state.outcomes.put((part.header_seq, body), part.succeeded)
                    self._add(body, part.succeeded, 1)
                    changed.add(body)
        return self.chord_states(changed)

    def reopen_parts(self, header_seqs: Collection[int]) -> None:
        for header in set(header_seqs):
            for body in self._state.bodies.of(header):
                outcome = self._state.outcomes.get((header, body))
                if outcome is not None:
                    self._state.outcomes.drop((header, body))
                    self._add(body, outcome, -1)

    def _add(self, body: int, succeeded: bool, step: int) -> None:
        count = self._state.chords[body]
        if succeeded:
            count = structs.replace(count, succeeded=count.succeeded + step)
        else:
            count = structs.replace(count, unsuccessful=count.unsuccessful + step)
        self._state.chords.put(body, count)

    def chord_states(self, body_seqs: Collection[int]) -> list[ChordState]:
        return [
            ChordState(body_seq=body, run_when=self._state.tasks[body].run_when, count=self._state.chords[body])
            for body in sorted(set(body_seqs))
            if body in self._state.chords
        ]

    def lock_line(self, seq: int, limit: int) -> list[Task]:
        line: list[Task] = []
        while len(line) < limit:
            bodies = list(self._state.bodies.of(seq))
            if len(bodies) != 1 or self._state.chords[bodies[0]].size != 1:
                break
            task = self._state.tasks[bodies[0]]
            if not in_line(task):
                break
            line.append(task)
            seq = task.seq
        return line

    def lock_waiting_below(self, seqs: Collection[int]) -> list[Task]:
        walk, found = list(seqs), set[int]()
        for seq in walk:  # grows while it is walked
            for body in self._state.bodies.of(seq):
                task = self._state.tasks[body]
                plain = task.state is TaskState.WAITING and task.run_when is RunWhen.ALL_SUCCEEDED
                if plain and body not in found:
                    found.add(body)
                    walk.append(body)
        return [self._state.tasks[seq] for seq in sorted(found)]

    def open_literal_chord(self, chord_id: str, size: int, body: str) -> None:
        if chord_id not in self._state.literals:
            self._state.literals.put(chord_id, Literal(size=size, body=body))

    def return_literal_part(self, chord_id: str, index: int, succeeded: bool, value: Any) -> LiteralChord | None:
        chord = self._state.literals.get(chord_id)
        if chord is None or chord.closed or (chord_id, index) in self._state.literal_parts:
            return None
        self._state.literal_parts.put((chord_id, index), (succeeded, value))
        self._state.literal_indexes.add(chord_id, index)
        if succeeded and self._state.literal_indexes.count(chord_id) < chord.size:
            return None
        return self._close(chord_id, chord)

    def _close(self, chord_id: str, chord: Literal) -> LiteralChord:
        """What is handed out is not kept; the empty chord stays, so that a late part closes nothing again."""
        indexes = self._state.literal_indexes.of(chord_id)
        parts = tuple(self._state.literal_parts[chord_id, index] for index in indexes)
        for index in indexes:
            self._state.literal_parts.drop((chord_id, index))
            self._state.literal_indexes.remove(chord_id, index)
        self._state.literals.put(chord_id, replace(chord, body="", closed=True))
        return LiteralChord(body=chord.body, parts=parts)
