"""The documents of the services whose dialects we speak: beside the project, where somebody put them.

Tests that read one are skipped without it.
"""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "shared" / "seeds"


def document(name: str) -> str:
    """The text of a document, by its file's name."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"the document {name} is not at {FOLDER}")
    return path.read_text()
