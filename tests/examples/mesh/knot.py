"""Writes knot.stl: a trefoil knot of round wire, in millimetres, as binary STL.

    python3 knot.py [FILE]

A tube along a closed curve has the volume of its cross-section times the curve's length (Pappus), which tells what a
measurement of the mesh has to come to: `expected()`.
"""

import sys

import numpy as np

SCALE, RADIUS = 10.0, 4.6
ALONG, AROUND = 180, 16
TRIANGLE = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])


def curve(t):
    return SCALE * np.stack([np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)], -1)


def tube():
    """Points in rings around the curve. A ring is a polygon of the same area as the wire's circle."""
    t = np.arange(ALONG) * 2 * np.pi / ALONG
    tangent = curve(t + 1e-5) - curve(t - 1e-5)
    bend = curve(t + 1e-3) - 2 * curve(t) + curve(t - 1e-3)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = bend - (bend * tangent).sum(1, keepdims=True) * tangent
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(tangent, side)
    angle = np.arange(AROUND) * 2 * np.pi / AROUND
    reach = RADIUS * np.sqrt(2 * np.pi / (AROUND * np.sin(2 * np.pi / AROUND)))
    across = np.cos(angle)[:, None] * side[:, None] + np.sin(angle)[:, None] * other[:, None]
    return curve(t)[:, None] + reach * across


def triangles():
    rings = tube()
    ahead, turned = np.roll(rings, -1, 0), np.roll(rings, -1, 1)
    both = np.roll(ahead, -1, 1)
    halves = np.stack([rings, both, ahead], 2), np.stack([rings, turned, both], 2)
    return np.concatenate([half.reshape(-1, 3, 3) for half in halves])


def expected():
    """(volume, surface area) of the tube itself."""
    t = np.arange(100_000) * 2 * np.pi / 100_000
    length = np.linalg.norm(curve(t) - np.roll(curve(t), 1, 0), axis=1).sum()
    return np.pi * RADIUS**2 * length, 2 * np.pi * RADIUS * length


def stl(corners):
    out = np.zeros(len(corners), TRIANGLE)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    out["normal"] = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    out["corners"] = corners
    return b"a trefoil knot, in mm".ljust(80) + np.uint32(len(corners)).tobytes() + out.tobytes()


if __name__ == "__main__":
    with open(sys.argv[1] if len(sys.argv) > 1 else "knot.stl", "wb") as file:
        file.write(stl(triangles()))
