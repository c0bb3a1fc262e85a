"""The garbage collector while much is made and nothing is garbage: imports, and the objects of a list.

See https://docs.python.org/3/library/gc.html#gc.freeze
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_FROZEN_BY_PYTHON = 1000
"""Python 3.12 freezes a few hundred objects of its own; `gc.freeze` in a program freezes thousands."""


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
    """Keep the garbage collector from walking modules while they are imported, and soon afterwards.

    Walking them takes a twentieth of an operator's time to start. Afterwards they are old, as if they had survived many
    collections: a full collection still frees what is garbage by then, of the modules and of whatever else the process
    holds. Nothing changes in a process that has collected everything once, or that has frozen its objects.
    """
    if not gc.isenabled() or gc.get_stats()[-1]["collections"] or gc.get_freeze_count() > _FROZEN_BY_PYTHON:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()  # into the oldest generation, without a walk
        gc.enable()
