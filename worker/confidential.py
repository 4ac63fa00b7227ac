"""How do secrets get into a run, and how do they stay out of what leaves the node?

The API sends their values apart from the payload, each with the mark that it stands for (`app/wire/claim.py`). They are
put in here, in memory, just before the run starts; the mask takes them out of lines, texts and results (`journal.py`).
"""

from collections.abc import Sequence
from pathlib import Path

import orjson
from msgspec import structs

from app.wire.claim import RunSpec, Secret
from app.wire.codec import Json
from app.wire.masking import Mask

PLAIN = Mask()
"""Of runs without secrets: it knows patterns alone."""


def mask_of(spec: RunSpec) -> Mask:
    return Mask([secret.value for secret in spec.secrets]) if spec.secrets else PLAIN


def revealed(spec: RunSpec) -> RunSpec:
    """With the values in their places."""
    if not spec.secrets:
        return spec
    return structs.replace(
        spec, payload=_put_in(spec.payload, spec.secrets), inputs=[_put_in(each, spec.secrets) for each in spec.inputs]
    )


def clean(file: Path, mask: Mask) -> None:
    """A result that is so large that it waits in a file."""
    data = file.read_bytes()
    if not mask.stands_in(data):
        return
    try:
        file.write_bytes(orjson.dumps(mask.data(orjson.loads(data))))
    except orjson.JSONDecodeError:  # then it matters little what becomes of it
        file.write_bytes(mask.raw(data))


def _put_in(value: Json, secrets: Sequence[Secret]) -> Json:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret.mark, secret.value)
        return value
    if isinstance(value, list):
        return [_put_in(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: _put_in(item, secrets) for key, item in value.items()}
    return value
