"""One measure of a mesh: its volume, the area of its surface, or the box around it.

    python3 measure.py volume|area|bounds mesh.npz

A volume is the sum of the tetrahedra from the origin to each triangle, those seen from behind counted negative.
"""

import json
import os
import sys

import numpy as np

SLICES = 36


def volume(corners):
    a, b, c = np.moveaxis(corners, 1, 0)
    signed = (a * np.cross(b, c)).sum(1) / 6
    centre = (signed[:, None] * (a + b + c) / 4).sum(0) / signed.sum()
    return {"volume": signed.sum(), "centre": centre.tolist()}


def area(corners):
    a, b, c = np.moveaxis(corners, 1, 0)
    return {"area": np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2}


def bounds(corners):
    """And the heights to slice it at: in the middle of as many layers."""
    low, high = corners.min((0, 1)), corners.max((0, 1))
    heights = low[2] + (np.arange(SLICES) + 0.5) * (high[2] - low[2]) / SLICES
    box = {"low": low, "high": high, "size": high - low, "heights": heights}
    return {name: values.tolist() for name, values in box.items()}


if __name__ == "__main__":
    mesh = np.load(sys.argv[2])
    measured = {"volume": volume, "area": area, "bounds": bounds}[sys.argv[1]](mesh["vertices"][mesh["faces"]])
    print(json.dumps(measured))
    with open(os.environ["FLOTILLA_RESULT"], "w") as result:
        json.dump(measured, result)
