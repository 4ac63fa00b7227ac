"""Where planes cut a mesh: the outline at each height, what it encloses, and the volume that follows from that.

    python3 slices.py mesh.npz < HEIGHTS      writes slices.json; HEIGHTS is a JSON array, evenly spaced

A triangle that a plane cuts gives one segment of the outline, with the part to its left.
"""

import json
import os
import sys

import numpy as np


def outline(corners, normals, height):
    """Segments (n, 2, 2) of the cut at this height."""
    above = corners[:, :, 2] > height
    cut = above.any(1) & ~above.all(1)
    corners, normals, above = corners[cut], normals[cut], above[cut]
    alone = np.where(above.sum(1) == 1, above.argmax(1), (~above).argmax(1))  # the corner by itself on its side
    rows = np.arange(len(corners))
    apex = corners[rows, alone]
    ends = []
    for step in (1, 2):
        other = corners[rows, (alone + step) % 3]
        share = (height - apex[:, 2]) / (other[:, 2] - apex[:, 2])
        ends.append((apex + share[:, None] * (other - apex))[:, :2])
    segments = np.stack(ends, 1)
    ahead = segments[:, 1] - segments[:, 0]
    wrong = ahead[:, 0] * -normals[:, 1] + ahead[:, 1] * normals[:, 0] < 0  # outward is to the right
    segments[wrong] = segments[wrong][:, ::-1]
    return segments


def enclosed(segments):
    start, end = segments[:, 0], segments[:, 1]
    return float((start[:, 0] * end[:, 1] - start[:, 1] * end[:, 0]).sum() / 2)


if __name__ == "__main__":
    mesh = np.load(sys.argv[1])
    heights = json.load(sys.stdin)
    corners = mesh["vertices"][mesh["faces"]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    slices = []
    for done, height in enumerate(heights, start=1):
        segments = outline(corners, normals, height)
        slices.append({"height": height, "area": enclosed(segments), "segments": segments.round(4).tolist()})
        print(f"openjd_progress: {100 * done / len(heights):.0f}")
    areas = [each["area"] for each in slices]
    with open("slices.json", "w") as file:
        json.dump(slices, file)
    with open(os.environ["FLOTILLA_RESULT"], "w") as result:
        json.dump({"areas": areas, "volume": sum(areas) * (heights[1] - heights[0])}, result)
