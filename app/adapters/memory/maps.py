"""Maps in memory: how far each is, the values they are over, and the tasks of those values."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.adapters.memory.state import State
from app.domain.map import Map, first_seq
from app.domain.task import Task
from app.ports.records import Page, ValueChunk, ValueView
from app.wire.states import TASK_OPEN, TaskState


class MapReads:
    _state: State

    def maps(self, seqs: Collection[int]) -> Mapping[int, Map]:
        found = ((seq, self._state.maps.get(seq)) for seq in set(seqs))
        return {seq: a_map for seq, a_map in found if a_map is not None}

    def map_source(self, map_seq: int) -> Any:
        return self._state.map_sources.get(map_seq)

    def map_values(self, map_seq: int, indexes: Collection[int]) -> Mapping[int, Any]:
        wanted = set(indexes)
        found: dict[int, Any] = {}
        for first in self._state.map_chunks_of.of(map_seq):
            chunk = self._state.map_chunks[map_seq, first]
            if any(first <= index < first + chunk.count for index in wanted):
                found |= dict(enumerate(json.loads(chunk.text), start=first))
        return {index: found[index] for index in indexes if index in found}

    def value_results(self, a_map: Map) -> list[Any]:
        results: list[Any] = [None] * (a_map.total or 0)
        for index in range(len(results)):
            task = self._state.tasks.get(first_seq(a_map.task_seq) + index)
            run = self._state.runs.get(task.run_id) if task and task.run_id else None
            if task is not None and run is not None and task.state is TaskState.SUCCEEDED:
                results[index] = run.result
        return results

    def live_counts(self, a_map: Map) -> Mapping[TaskState, int]:
        states = (self._state.tasks[seq].state for seq in self._state.values_of.of(a_map.task_seq))
        return Counter(state for state in states if state in TASK_OPEN)

    def live_values(self, a_map: Map, state: TaskState, limit: int) -> list[Task]:
        tasks = (self._state.tasks[seq] for seq in self._state.values_of.of(a_map.task_seq))
        return [task for task in tasks if task.state is state][:limit]

    def values(self, map_seq: int, page: Page) -> list[ValueView]:
        after = None if page.after is None else first_seq(map_seq) + page.after[0]
        tasks = [self._state.tasks[seq] for seq in self._state.values_of.after(map_seq, after, page.limit)]
        return [ValueView(task=task, run=self._state.runs.get(task.run_id) if task.run_id else None) for task in tasks]

    def lagging_maps(self, limit: int) -> list[Map]:
        found = [
            a_map
            for a_map in self._state.maps
            if a_map.live and (a_map.closing or (a_map.total is not None and not a_map.exhausted))
        ]
        return sorted(found, key=lambda a_map: a_map.task_seq)[:limit]

    def task_seqs(self, job_seq: int) -> list[int]:
        return [seq for _, seq in self._state.tasks_of_job.of(job_seq)]


class MapWrites(MapReads):
    _now_us: int

    def insert_maps(self, maps: Sequence[Map], sources: Mapping[int, Any]) -> None:
        for a_map in maps:
            self._state.maps.put(a_map.task_seq, a_map)
            self._state.maps_of_job.add(a_map.job_seq, a_map.task_seq)
        for seq, source in sources.items():
            self._state.map_sources.put(seq, source)

    def lock_maps(self, seqs: Collection[int]) -> list[Map]:
        found = self.maps(seqs)
        return [found[seq] for seq in sorted(found)]

    def save_maps(self, maps: Sequence[Map]) -> None:
        for a_map in maps:
            if a_map.task_seq in self._state.maps:
                self._state.maps.put(a_map.task_seq, a_map)

    def put_values(self, map_seq: int, chunks: Sequence[ValueChunk]) -> None:
        for chunk in chunks:
            self._state.map_chunks.put((map_seq, chunk.first), chunk)
            self._state.map_chunks_of.add(map_seq, chunk.first)

    def clear_values(self, map_seq: int) -> None:
        for first in self._state.map_chunks_of.of(map_seq):
            self._state.map_chunks.drop((map_seq, first))
            self._state.map_chunks_of.remove(map_seq, first)

    def insert_values(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._state.values_of.add(task.owner_seq, task.seq)
            self._state.put_task(task)

    def lock_values(self, map_seq: int, first: int, below: int, limit: int, *, unsuccessful: bool) -> list[Task]:
        start = first_seq(map_seq)
        seqs = (seq for seq in self._state.values_of.of(map_seq) if start + first <= seq < start + below)
        tasks = [self._state.tasks[seq] for seq in seqs]
        return [task for task in tasks if not unsuccessful or task.state is not TaskState.SUCCEEDED][:limit]

    def lock_due_map(self) -> Map | None:
        due = [
            (a_map.fetch_at_us, a_map.task_seq)
            for a_map in self._state.maps
            if a_map.fetch_at_us is not None and a_map.fetch_at_us <= self._now_us
        ]
        return self._state.maps[min(due)[1]] if due else None

    def _delete_maps(self, job_seq: int) -> None:
        for map_seq in self._state.maps_of_job.of(job_seq):
            for seq in self._state.values_of.of(map_seq):
                self._state.values_of.remove(map_seq, seq)
                self._state.drop_value(self._state.tasks[seq])
            self.clear_values(map_seq)
            self._state.map_sources.drop(map_seq)
            self._state.maps.drop(map_seq)
            self._state.maps_of_job.remove(job_seq, map_seq)
