"""Which images may be run? What is a name and nothing but that, by digest or from a registry of the operator's list."""

import re
from collections.abc import Collection

LONGEST = 500
DEFAULT_REGISTRY = "docker.io"
_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?"
_IMAGE = re.compile(
    rf"(?:(?P<host>{_HOST})/)?{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?P<digest>@sha256:[0-9a-f]{{64}})?"
)


def check_image(image: str) -> str:
    """The registry it comes from, '' when it is named by its digest. Raises ValueError."""
    found = _IMAGE.fullmatch(image) if len(image) <= LONGEST else None
    if found is None:
        raise ValueError(
            f"{image[:100]!r} is no image: it must be [registry/]name[:tag][@sha256:64 hexadecimal digits]"
        )
    if found["digest"]:
        return ""
    first = image.partition("/")[0] if "/" in image else ""
    return first if "." in first or ":" in first or first == "localhost" else DEFAULT_REGISTRY


def allow(image: str, registries: Collection[str]) -> None:
    """Raises ValueError when it may not be run here."""
    registry = check_image(image)
    if registry and registry not in registries:
        allowed = f"from {', '.join(sorted(registries))}" if registries else "from no registry"
        raise ValueError(
            f"{image!r} comes from {registry}; allowed are images by digest (name@sha256:...) and those {allowed} "
            "(FLOTILLA_CONTAINER_REGISTRIES)"
        )
