"""How is a file copied, and what is its sum? With descriptors alone, so that no name can be changed in between."""

import hashlib
import os

BLOCK_BYTES = 1024 * 1024


def digest_of(descriptor: int) -> str:
    found = hashlib.sha256()
    at = 0
    while data := os.pread(descriptor, BLOCK_BYTES, at):
        found.update(data)
        at += len(data)
    return found.hexdigest()


def copy(source: int, target: int) -> None:
    """All of one file into another. The kernel does it, sharing the blocks where the file system can."""
    at = 0
    try:
        while count := os.copy_file_range(source, target, 1 << 30, offset_src=at):
            at += count
    except OSError:
        while data := os.pread(source, BLOCK_BYTES, at):
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
            at += len(data)
