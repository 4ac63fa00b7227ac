"""One frame: a ball whose walls are a gyroid, on a floor, marched ray by ray through its distance field.

    python3 render.py TURN WIDTH HEIGHT      writes frame.png; TURN is from 0 to 1, and at 1 as at 0

Every pixel is four rays. A step of all rays that have not arrived is one pass of numpy over them.
"""

import json
import os
import struct
import sys
import zlib

import numpy as np

RAYS_A_SIDE = 2
FAR = 14.0
STEPS = 96
SUN = np.array([0.55, 0.75, -0.38]) / np.linalg.norm([0.55, 0.75, -0.38])
SKY_LOW, SKY_HIGH = np.array([0.97, 0.88, 0.76]), np.array([0.26, 0.48, 0.74])
INSIDE, OUTSIDE = np.array([1.00, 0.50, 0.20]), np.array([0.10, 0.42, 0.50])
LIGHT_TILE, DARK_TILE = np.array([0.86, 0.84, 0.80]), np.array([0.54, 0.52, 0.50])
FLOOR = -1.08
CELLS = 6.6


def ball(points, turn):
    """About how far it is to the walls: the gyroid rises through the ball, which swings; in a turn both are back."""
    angle = 0.7 * np.sin(2 * np.pi * turn)
    x, y, z = points.T
    x, z = np.cos(angle) * x - np.sin(angle) * z, np.sin(angle) * x + np.cos(angle) * z
    x, y, z = CELLS * x, CELLS * y + 2 * np.pi * turn, CELLS * z
    gyroid = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)
    walls = (np.abs(gyroid) - 0.30) / CELLS * 0.72
    return np.maximum(np.sqrt((points**2).sum(1)) - 1.0, walls)


def march(origins, rays, turn, far, near=0.0):
    """How far each ray goes until it meets the ball, and `far` for those that do not."""
    gone = np.full(len(rays), near)
    left = np.arange(len(rays))
    for _ in range(STEPS):
        step = ball(origins[left] + gone[left, None] * rays[left], turn)
        gone[left] += step
        left = left[(step > 0.0012) & (gone[left] < far)]
        if not len(left):
            break
    return np.minimum(gone, far)


def near_ball(origins, rays):
    """Which rays come within the ball's reach ahead: only they are marched."""
    along = -(origins * rays).sum(1)
    closest = (origins**2).sum(1) - along**2
    return (closest < 1.02) & (along > 0)


def normals(points, turn):
    """The way in which the distance grows: four looks around each point."""
    ways = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]])
    found = sum(way * ball(points + 0.002 * way, turn)[:, None] for way in ways)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def lit(points, turn):
    """The share of the sun that reaches each point."""
    share = np.ones(len(points))
    rays = np.broadcast_to(SUN, points.shape)
    towards = near_ball(points, rays) | ((points**2).sum(1) < 1.02)
    if towards.any():
        share[towards] = march(points[towards], rays[towards], turn, 4.0, near=0.03) >= 4.0
    return share


def sky(rays):
    high = np.clip(rays[:, 1:2] * 1.6 + 0.15, 0, 1) ** 0.7
    glow = np.clip(rays @ SUN, 0, 1)[:, None] ** 60
    return SKY_LOW * (1 - high) + SKY_HIGH * high + glow * np.array([0.5, 0.4, 0.25])


def floor(points, turn):
    tiles = (np.floor(points[:, 0] * 1.25) + np.floor(points[:, 2] * 1.25)) % 2
    colour = np.where(tiles[:, None] == 0, LIGHT_TILE, DARK_TILE)
    around = np.sqrt(points[:, 0] ** 2 + points[:, 2] ** 2)
    ambient = 0.24 + 0.22 * np.clip(around / 1.6, 0, 1)
    return colour * (ambient + 0.62 * lit(points, turn))[:, None]


def walls(points, rays, turn):
    facing = normals(points, turn)
    depth = np.clip((np.sqrt((points**2).sum(1)) - 0.62) / 0.36, 0, 1)[:, None]
    colour = INSIDE * (1 - depth) + OUTSIDE * depth
    sun = np.clip(facing @ SUN, 0, 1) * lit(points + 0.02 * facing, turn)
    above = 0.5 + 0.5 * facing[:, 1]
    half = SUN - rays
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    gloss = np.clip((facing * half).sum(1), 0, 1) ** 48 * (sun > 0)
    rim = np.clip(1 + (facing * rays).sum(1), 0, 1) ** 3
    shade = (0.20 + 0.32 * above)[:, None] * (0.55 + 0.45 * depth) + 0.86 * sun[:, None]
    return colour * shade + 0.45 * gloss[:, None] + 0.22 * rim[:, None] * SKY_HIGH * depth


def picture(turn, width, height):
    columns, rows = width * RAYS_A_SIDE, height * RAYS_A_SIDE
    across = (np.arange(columns) + 0.5 - columns / 2) / rows * 2
    down = (np.arange(rows) + 0.5 - rows / 2) / rows * 2
    eye = np.array([0.0, 0.85, -4.3])
    ahead = -eye / np.linalg.norm(eye) + np.array([0.0, -0.02, 0.0])
    right = np.array([1.0, 0.0, 0.0])
    above = np.cross(ahead, right)
    grid = np.stack(np.meshgrid(across, -down), -1).reshape(-1, 2)
    rays = 2.6 * ahead + grid[:, :1] * right + grid[:, 1:] * above
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    eyes = np.broadcast_to(eye, rays.shape)
    seen = sky(rays)
    reach = np.full(len(rays), FAR)
    aimed = near_ball(eyes, rays)
    reach[aimed] = march(eyes[aimed], rays[aimed], turn, FAR, near=2.9)
    hits = reach < FAR
    with np.errstate(divide="ignore"):
        ground = np.where(rays[:, 1] < 0, (FLOOR - eye[1]) / rays[:, 1], np.inf)
    floored = ~hits & (ground < 40)
    haze = np.clip(ground[floored] / 26, 0, 1)[:, None] ** 1.5
    on_floor = floor(eye + ground[floored, None] * rays[floored], turn)
    seen[floored] = on_floor * (1 - haze) + SKY_LOW * haze
    seen[hits] = walls(eye + reach[hits, None] * rays[hits], rays[hits], turn)
    seen = np.clip(seen, 0, 1) ** (1 / 1.25)
    return seen.reshape(height, RAYS_A_SIDE, width, RAYS_A_SIDE, 3).mean((1, 3)), int(hits.sum())


def png(colours):
    """A picture of 8 bits a colour as a PNG: each line after the byte 0, all of it deflated."""
    height, width, _ = colours.shape
    lines = np.zeros((height, 1 + 3 * width), np.uint8)
    lines[:, 1:] = np.rint(colours * 255).astype(np.uint8).reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(lines.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


if __name__ == "__main__":
    turn, width, height = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    colours, hits = picture(turn, width, height)
    with open("frame.png", "wb") as file:
        file.write(png(colours))
    with open(os.environ["FLOTILLA_RESULT"], "w") as result:
        json.dump({"turn": turn, "raysOnTheBall": hits}, result)
