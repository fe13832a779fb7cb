"""Where the rows of a discovery are kept while they come in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

_lock = threading.Lock()
_before: list[pa.MemoryPool] = []  # the pool to go back to, and once more for each discovery under way


@contextmanager
def lean_memory() -> Iterator[None]:
    """Let Arrow take memory from the system's own allocator meanwhile.

    Arrow's usual allocator sets a region aside for each thread that it is called from. With sixteen threads
    that each make a few arrays of a page, this takes hundreds of megabytes, and longer to set up than a
    summary of 100,000 tables takes otherwise. Arrays made meanwhile stay valid afterwards.
    """
    with _lock:
        _before.append(_before[0] if _before else pa.default_memory_pool())
        pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        with _lock:
            pool = _before.pop()
            if not _before:
                pa.set_memory_pool(pool)
