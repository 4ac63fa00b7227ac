"""Ids and chance from the operating system: UUIDs of version 7, and secrets.

An id is 48 bits of milliseconds, 12 bits of the fraction of that millisecond, and 62 bits of chance. Within one
`new_ids` the upper 20 of these 62 count, so that a batch sorts in the order it was made.
"""

import os
import random
import secrets

_MILLISECOND = 1000
_COUNT_BITS = 20
_CHANCE_BITS = 62 - _COUNT_BITS


class SystemChance:
    """Safe to share between threads."""

    def new_id(self, now_us: int) -> str:
        return _text(_head(now_us), int.from_bytes(os.urandom(8), "big") >> 2)

    def new_ids(self, now_us: int, count: int) -> list[str]:
        if count >= 1 << _COUNT_BITS:
            raise ValueError(f"at most {(1 << _COUNT_BITS) - 1} ids at once, not {count}")
        head, noise = _head(now_us), os.urandom(8 * count)
        mask = (1 << _CHANCE_BITS) - 1
        return [
            _text(head, index << _CHANCE_BITS | int.from_bytes(noise[8 * index : 8 * index + 8], "big") & mask)
            for index in range(count)
        ]

    def fraction(self) -> float:
        return random.random()  # noqa: S311 (it spreads retries; nobody gains by guessing it)

    def secret(self) -> str:
        return secrets.token_urlsafe(32)


def _head(now_us: int) -> int:
    milliseconds, rest = divmod(now_us, _MILLISECOND)
    return (milliseconds & (1 << 48) - 1) << 16 | 0x7000 | rest * 4096 // _MILLISECOND


def _text(head: int, tail: int) -> str:
    digits = f"{head << 64 | 1 << 63 | tail:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
