"""The README's diagrams are the automaton's tables."""

from pathlib import Path

from app.domain.run import RUN_TABLE, TASK_TABLE, diagram

README = Path(__file__).parents[1] / "README.md"


def test_the_diagrams_are_made_from_the_tables() -> None:
    text = README.read_text()
    for table in (TASK_TABLE, RUN_TABLE):
        assert f"```mermaid\n{diagram(table)}\n```" in text
