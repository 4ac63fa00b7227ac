"""Frames become one animated PNG: their pixels as they were deflated, in order, behind a chunk each that says how long.

python3 join.py FOLDER DELAY_MS      writes animation.png
"""

import json
import os
import struct
import sys
import zlib
from pathlib import Path

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunks(data):
    """(kind, content) of each chunk of a PNG."""
    at = len(SIGNATURE)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def joined(frames, delay_ms):
    head = next(content for kind, content in chunks(frames[0]) if kind == b"IHDR")
    width, height = struct.unpack_from(">II", head)
    out = [chunk(b"IHDR", head), chunk(b"acTL", struct.pack(">II", len(frames), 0))]
    number = 0
    for index, frame in enumerate(frames):
        found = list(chunks(frame))
        if found[0] != (b"IHDR", head):
            sys.exit(f"frame {index} is not of the size and kind of the first one")
        out.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, delay_ms, 1000, 0, 0)))
        number += 1
        for kind, content in found:
            if kind != b"IDAT":
                continue
            if index == 0:  # what shows no animations shows this one
                out.append(chunk(kind, content))
            else:
                out.append(chunk(b"fdAT", struct.pack(">I", number) + content))
                number += 1
        print(f"openjd_progress: {100 * (index + 1) / len(frames):.0f}")
    return SIGNATURE + b"".join(out) + chunk(b"IEND", b"")


if __name__ == "__main__":
    folder, delay_ms = Path(sys.argv[1]), int(sys.argv[2])
    animation = joined([path.read_bytes() for path in sorted(folder.iterdir())], delay_ms)
    Path("animation.png").write_bytes(animation)
    with open(os.environ["FLOTILLA_RESULT"], "w") as result:
        json.dump({"bytes": len(animation), "frames": len(list(folder.iterdir()))}, result)
