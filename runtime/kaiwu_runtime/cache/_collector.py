"""The garbage collector while a list is taken in."""

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
