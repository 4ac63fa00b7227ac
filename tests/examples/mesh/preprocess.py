"""A triangle soup becomes a mesh: corners at one place are one vertex, and what is wrong with the surface is found.

    python3 preprocess.py part.stl      writes mesh.npz (vertices, faces); a surface that is not closed ends it

A closed surface has every edge twice, once in each direction. Its genus is the number of its holes.
"""

import json
import os
import sys

import numpy as np

TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])
CLOSE = 1e-6
"""Corners nearer than this share of the part's size are one."""


def soup(path):
    with open(path, "rb") as file:
        head = file.read(84)
        body = file.read()
    count = int.from_bytes(head[80:84], "little")
    if len(head) < 84 or len(body) != count * TRIANGLE.itemsize:
        sys.exit(f"{path} is no binary STL: it says {count} triangles, and {len(body)} bytes follow")
    return np.frombuffer(body, TRIANGLE)["corners"].astype(float)


def welded(corners):
    points = corners.reshape(-1, 3)
    grid = np.rint((points - points.min(0)) / (CLOSE * np.ptp(points, 0).max())).astype(np.int64)
    _, first, which = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    faces = which.reshape(-1, 3)
    flat = (faces == np.roll(faces, 1, 1)).any(1)
    return points[first], faces[~flat], int(flat.sum())


def edges(faces):
    """How many edges there are, and how many of them are not met by exactly one in the other direction."""
    directed = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    way = np.where(directed[:, 0] < directed[:, 1], 1, -1)
    _, which, times = np.unique(np.sort(directed, 1), axis=0, return_inverse=True, return_counts=True)
    balance = np.bincount(which.ravel(), weights=way)
    return len(times), int(((times != 2) | (balance != 0)).sum())


if __name__ == "__main__":
    corners = soup(sys.argv[1])
    vertices, faces, flat = welded(corners)
    count, open_edges = edges(faces)
    found = {
        "triangles": len(faces),
        "vertices": len(vertices),
        "cornersBefore": corners.shape[0] * 3,
        "degenerate": flat,
        "openEdges": open_edges,
        "watertight": open_edges == 0,
        "genus": 1 - (len(vertices) - count + len(faces)) // 2,
    }
    print(", ".join(f"{name} {value}" for name, value in found.items()))
    if open_edges:
        print(f"openjd_fail: the surface is not closed: {open_edges} of {count} edges are open")
        sys.exit(1)
    np.savez_compressed("mesh.npz", vertices=vertices, faces=faces)
    with open(os.environ["FLOTILLA_RESULT"], "w") as result:
        json.dump(found, result)
