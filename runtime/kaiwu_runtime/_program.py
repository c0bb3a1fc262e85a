"""The start of a command line: `python -m kaiwu_runtime.generator` and the others."""

from __future__ import annotations

import sys
from importlib import import_module

INTERRUPTED = 130
"""The exit status of a program that SIGINT has ended, as shells report it."""


def run(module: str, *, cleans_up: bool = False) -> int:
    """Import a module, call its `main` and return the exit status; Ctrl-C ends both with one line.

    Importing takes most of the time of a short command, so that this is where Ctrl-C meets it.

    Args:
        module: Full name of the module that has the command line.
        cleans_up: SIGTERM ends it like Ctrl-C, through the code that removes half-written files.
    """
    try:
        import_module("kaiwu_runtime._dropped_signals").send_dropped_signals_again()
        if cleans_up:
            signal = import_module("signal")
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        status: int = import_module(module).main()
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        return INTERRUPTED
    return status
