"""What does a document say that a job or a template is made from, and what is put in place of it?"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.cli.client import Json
from app.cli.failures import Usage

STANDARD_INPUT = "-"
_FORM = 'a job is {"name": ..., "tasks": [...]}'


def with_parameters(document: dict[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """Each is NAME=VALUE; what can be read as JSON is that."""
    if not given:
        return document
    own = document.get("parameters")
    parameters = dict(own) if isinstance(own, dict) else {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals:
            raise Usage(f"{each} is no parameter", "write NAME=VALUE")
        parameters[name] = value_of(text)
    return {**document, "parameters": parameters}


def value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def folder_of(file: str) -> Path:
    """Where the paths in a document begin."""
    return Path() if file == STANDARD_INPUT else Path(file).parent


def read_document(file: str) -> dict[str, Any]:
    """Raises Usage with the place of what is not JSON."""
    document = read_json(file, _FORM)
    if not isinstance(document, dict):
        raise Usage(f"{file} must hold a JSON object", _FORM)
    return document


def read_json(file: str, form: str | None = None) -> Json:
    try:
        return json.loads(sys.stdin.read() if file == STANDARD_INPUT else Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise Usage(f"cannot read {file}: {error.strerror}") from None
    except ValueError as error:
        raise Usage(f"{file} is not JSON: {error}", form) from None
