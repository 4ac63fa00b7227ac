"""The kernel's own small files (`/proc`, `/sys/fs/cgroup`). Imported by the warden, and so next to nothing itself."""

import os


def contents(path: str) -> bytes:
    """Up to 4096 bytes, at a quarter of the price of a Python file. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096)
    finally:
        os.close(fd)
