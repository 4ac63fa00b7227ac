"""A task as it is written here, as the native reader takes it: what it says natively, and what is to be shown again.

    URNs of stored files         become native sources: an asset, or a space and a key in it
    target.path                  is made relative, without ever leaving the run's folder
    requirements as text         become numbers

Everything else is judged by the native reader, so that both accept and refuse the same; what is malformed is handed on
as it is, for it to refuse.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.rest.dialects.flow import names
from app.wire.outputs import ASSET_SCHEME

Document = dict[str, Any]  # a JSON object

_ECHOED: Final = ("inputs", "requirements", "limitations", "hints")


def task(item: Any) -> Any:
    """A TaskDescription or a MapTask, natively."""
    if not isinstance(item, dict):
        return item
    made = dict(item)
    if isinstance(item.get("task"), dict):
        made["task"] = task(item["task"])
    if isinstance(item.get("inputs"), list):
        made["inputs"] = [_input(each) for each in item["inputs"]]
    if isinstance(item.get("requirements"), dict):
        made["requirements"] = _numbers(item["requirements"])
    return made


def echo(item: Mapping[str, Any]) -> Document:
    """What was said and the native task does not tell any more, for `schemas.TaskShown`."""
    said: Document = {key: item[key] for key in _ECHOED if key in item}
    if "inputs" in said:
        said["inputs"] = [{**each, "target": _input(each)["target"]} for each in said["inputs"]]
    if "requirements" in said:
        said["requirements"] = _numbers(said["requirements"])
    if isinstance(item.get("task"), dict):
        said["task"] = echo(item["task"])
    return said


def _numbers(requirements: Mapping[str, Any]) -> Document:
    """One page of the service's guide writes them as text."""
    return {
        key: int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10 else value
        for key, value in requirements.items()
    }


def _input(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    made = dict(item)
    source, target = item.get("source"), item.get("target")
    if isinstance(source, dict):
        made["source"] = _source(source)
    if isinstance(target, dict) and isinstance(target.get("path"), str):
        made["target"] = {**target, "path": relative(target["path"])}
    return made


def _source(source: Document) -> Document:
    uri = source.get("uri")
    place: names.Place | None = None
    if isinstance(uri, str):
        place = names.parse(uri)
    elif source.keys() == {"spaceId", "key"} and all(isinstance(text, str) for text in source.values()):
        place = names.Place(source["spaceId"], source["key"])
    if place is None:
        return source
    if place.job_id is None:
        return {"spaceId": place.space, "key": place.resource}
    return {"uri": ASSET_SCHEME + place.resource} if _is_uuid(place.resource) else source


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def relative(path: str) -> str:
    """Without a leading slash, and with `..` that goes up no further than to the folder it is relative to."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
