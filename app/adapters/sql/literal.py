"""Chords made with Celery's own canvas: by id, with their body and results as Celery serialized them."""

from typing import Any

import orjson
from sqlalchemy import bindparam, delete, select, update

from app.adapters.sql.part import Part
from app.adapters.sql.session import dump
from app.adapters.sql.statement import Insert, Statement
from app.adapters.sql.tables import literal_chords, literal_parts
from app.ports.records import LiteralChord

_of_chord = literal_parts.c.chord_id == bindparam("chord")

_open = Insert(literal_chords, unless_there=True)
_return = Insert(literal_parts, unless_there=True)
_locked = Statement(select(literal_chords).where(literal_chords.c.id == bindparam("id")).with_for_update())
_there = Statement(
    select(literal_parts.c.part_index).where(_of_chord, literal_parts.c.part_index == bindparam("index"))
)
_save = Statement(
    update(literal_chords).where(literal_chords.c.id == bindparam("k_id")), sets=["returned", "closed", "body"]
)
_parts = Statement(
    select(literal_parts.c.succeeded, literal_parts.c.value).where(_of_chord).order_by(literal_parts.c.part_index)
)
_drop = Statement(delete(literal_parts).where(_of_chord))


class LiteralWrites(Part):
    def open_literal_chord(self, chord_id: str, size: int, body: str) -> None:
        self._session.insert(_open, [(chord_id, size, body, 0, False)], 1)

    def return_literal_part(self, chord_id: str, index: int, succeeded: bool, value: Any) -> LiteralChord | None:
        chord = self._session.row(_locked, id=chord_id)
        if chord is None or chord[4] or self._session.row(_there, chord=chord_id, index=index):
            return None
        _, size, body, returned, _ = chord
        self._session.insert(_return, [(chord_id, index, succeeded, dump(value))], 1)
        if succeeded and returned + 1 < size:
            self._session.run(_save, k_id=chord_id, returned=returned + 1, closed=False, body=body)
            return None
        return self._close(chord_id, body, returned + 1)

    def _close(self, chord_id: str, body: str, returned: int) -> LiteralChord:
        """What is handed out is not kept; the empty chord stays, so that a late part closes nothing again."""
        rows = self._session.rows(_parts, chord=chord_id)
        self._session.run(_save, k_id=chord_id, returned=returned, closed=True, body="")
        self._session.run(_drop, chord=chord_id)
        return LiteralChord(body=body, parts=tuple((bool(row[0]), orjson.loads(row[1])) for row in rows))
