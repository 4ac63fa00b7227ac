"""The part on one page: a picture of it, its outlines, how much of it is at each height, and its figures.

    python3 report.py mesh.npz slices.json NAME=VALUE...      writes report.png; each value is JSON

The picture is drawn triangle by triangle into a depth buffer, with light on the normals of the vertices.
"""

import json
import os
import sys

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection

INK, SOFT, GRID, PAPER = "#1f2933", "#6b7785", "#e4e8ec", "#f7f9fb"
METAL = np.array([0.93, 0.55, 0.23], np.float32)
KEY, FILL = np.array([-0.45, 0.70, 0.62], np.float32), np.array([0.80, 0.10, 0.50], np.float32)
SIZE, FINER = 700, 2


def turned(vertices):
    """As seen from above and the side: x to the right, y up, z towards the eye."""
    tilt, spin = np.radians(-48), np.radians(20)
    about_z = np.array([[np.cos(spin), -np.sin(spin), 0], [np.sin(spin), np.cos(spin), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    seen = vertices @ about_z.T @ about_x.T
    return seen - (seen.min(0) + seen.max(0)) / 2


def smooth(vertices, faces):
    """The normal of each vertex: those of its triangles, the larger ones counting more."""
    corners = vertices[faces]
    of_faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], of_faces)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def picture(vertices, faces):
    """Red, green, blue and how opaque, `SIZE` a side."""
    vertices = turned(vertices)
    normals = smooth(vertices, faces)
    side = SIZE * FINER
    places = vertices * (0.94 * side / np.ptp(vertices[:, :2], 0).max())
    places[:, :2] += side / 2
    depth = np.full((side, side), -np.inf, np.float32)
    facing = np.zeros((side, side, 3), np.float32)
    for face in faces:
        fill(places[face], normals[face], depth, facing)
    colours = shaded(facing, depth)
    return colours.reshape(SIZE, FINER, SIZE, FINER, 4).mean((1, 3))[::-1]


def fill(corners, normals, depth, facing):
    (ax, ay, _), (bx, by, _), (cx, cy, _) = corners
    twice = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    if twice <= 0:  # seen from behind
        return
    low = np.floor(corners[:, :2].min(0)).astype(int)
    high = np.ceil(corners[:, :2].max(0)).astype(int) + 1
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    b = ((x - ax) * (cy - ay) - (cx - ax) * (y - ay)) / twice
    c = ((bx - ax) * (y - ay) - (x - ax) * (by - ay)) / twice
    shares = np.stack([1 - b - c, b, c], -1)
    here = shares @ corners[:, 2]
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    nearer = (shares >= 0).all(-1) & (here > depth[window])
    depth[window][nearer] = here[nearer]
    facing[window][nearer] = shares[nearer] @ normals


def shaded(facing, depth):
    facing /= np.maximum(np.linalg.norm(facing, axis=2, keepdims=True), 1e-9)
    light = 0.30 + 0.14 * facing[..., 1:2]
    for lamp, power in ((KEY, 0.72), (FILL, 0.22)):
        lamp = lamp / np.linalg.norm(lamp)
        half = lamp + np.array([0, 0, 1], np.float32)
        half /= np.linalg.norm(half)
        light = light + power * np.clip(facing @ lamp, 0, 1)[..., None]
        light = light + power * 0.55 * np.clip(facing @ half, 0, 1)[..., None] ** 40
    hit = np.isfinite(depth)
    far, near = depth[hit].min(), depth[hit].max()
    fog = np.where(hit, np.clip((depth - far) / (near - far), 0, 1), 0)[..., None]
    colours = np.clip(METAL * light * (0.55 + 0.45 * fog) + 0.10 * light**3, 0, 1)
    return np.concatenate([colours, hit[..., None]], 2)


def page(mesh, slices, figures):
    style = {"font.size": 10, "text.color": INK, "axes.labelcolor": SOFT, "xtick.color": SOFT, "ytick.color": SOFT}
    with plt.rc_context(style):
        figure = plt.figure(figsize=(13, 7.6), facecolor=PAPER)
        grid = figure.add_gridspec(
            2, 2, width_ratios=(1.25, 1), left=0.03, right=0.955, top=0.86, bottom=0.09, hspace=0.34, wspace=0.12
        )
        part, outlines, profile = (figure.add_subplot(each) for each in (grid[:, 0], grid[0, 1], grid[1, 1]))
        figure.text(0.03, 0.94, "A trefoil knot, measured", fontsize=20, fontweight="bold")
        figure.text(0.03, 0.90, facts(figures), fontsize=11, color=SOFT)
        part.imshow(picture(mesh["vertices"], mesh["faces"]))
        part.axis("off")
        draw_outlines(figure, outlines, slices)
        draw_profile(profile, slices, figures)
        figure.savefig("report.png", dpi=110, facecolor=PAPER)


def facts(figures):
    size = " x ".join(f"{side:.1f}" for side in figures["size"])
    closed = "watertight" if figures["watertight"] else "not closed"
    return (
        f"{figures['triangles']:,} triangles, {closed}, {figures['genus']} hole     volume {figures['volume']:,.0f} mm³"
        f"     surface {figures['area']:,.0f} mm²     box {size} mm"
    )


def draw_outlines(figure, axes, slices):
    heights = [each["height"] for each in slices]
    colours = mpl.colormaps["viridis"]
    span = mpl.colors.Normalize(min(heights), max(heights))
    for each in slices[1::5]:
        axes.add_collection(LineCollection(each["segments"], colors=[colours(span(each["height"]))], linewidths=1.6))
    axes.autoscale()
    axes.set_aspect("equal", anchor="W")
    dress(axes, "Outlines", "mm")
    bar = figure.colorbar(mpl.cm.ScalarMappable(span, colours), ax=axes, fraction=0.04, pad=0.02)
    bar.set_label("height in mm")
    bar.outline.set_visible(False)


def draw_profile(axes, slices, figures):
    heights, areas = [each["height"] for each in slices], [each["area"] for each in slices]
    axes.fill_between(heights, areas, color="#3066be", alpha=0.18)
    axes.plot(heights, areas, color="#3066be", linewidth=2)
    axes.set_ylim(0)
    difference = figures["sliced"] / figures["volume"] - 1
    under = f"under the curve {figures['sliced']:,.0f} mm³ ({difference:+.3%})"
    dress(axes, "Area of each slice, in mm²", f"height in mm; {under}")


def dress(axes, title, label):
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", color=INK)
    axes.set_xlabel(label)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_facecolor("white")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


if __name__ == "__main__":
    figures = {name: json.loads(value) for name, _, value in (each.partition("=") for each in sys.argv[3:])}
    with open(sys.argv[2]) as file:
        slices = json.load(file)
    page(np.load(sys.argv[1]), slices, figures)
    with open(os.environ["FLOTILLA_RESULT"], "w") as result:
        json.dump(figures, result)
