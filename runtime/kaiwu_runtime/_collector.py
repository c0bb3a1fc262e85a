"""The garbage collector while much is made and nothing is garbage: imports, and the objects of a list.

See https://docs.python.org/3/library/gc.html#gc.freeze
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the garbage collector from walking a list again and again while it is taken in.

    Nothing is frozen afterwards: that would keep everything else that the process holds at the time, garbage included,
    for ever. What the cache keeps costs a collection little, since most of it is not tracked (see CachedObject).
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def imported_once() -> Iterator[None]:
    """Keep the garbage collector from walking modules while they are imported, and afterwards: they live to the end.

    Walking them takes a twentieth of an operator's time to start. A process that has already collected everything once
    may hold garbage of its own, which would never be freed: there nothing changes.
    """
    if not gc.isenabled() or gc.get_stats()[-1]["collections"]:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
