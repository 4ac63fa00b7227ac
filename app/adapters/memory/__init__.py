"""The ports' promises within one process: product code, for simulations and tests, held to the same suites."""

from app.adapters.memory.blobs import MemoryBlobs
from app.adapters.memory.broker import MemoryBroker
from app.adapters.memory.store import MemoryStore

__all__ = ["MemoryBlobs", "MemoryBroker", "MemoryStore"]
