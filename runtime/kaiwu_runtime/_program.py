"""The start of a command line: `python -m kaiwu_runtime.generator` and the others."""

from __future__ import annotations

import sys
from importlib import import_module


def run(module: str) -> int:
    """Import a module, call its `main` and return the exit status; a signal ends both with one line.

    Importing takes most of the time of a short command, so that this is where Ctrl-C meets it.

    Args:
        module: Full name of the module that has the command line.
    """
    try:
        try:
            return _run(module)
        except KeyboardInterrupt as error:
            return _report(error)
    except KeyboardInterrupt as error:
        # A second one, before the report of the first.
        return _report(error)


def _run(module: str) -> int:
    import_module("kaiwu_runtime._dropped_signals").send_dropped_signals_again()
    interruption = import_module("kaiwu_runtime._interruption")
    interruption.raise_on_signals()
    status: int = import_module(module).main()
    interruption.end_at_once_on_signals()
    return status


def _report(error: KeyboardInterrupt) -> int:
    interruption = import_module("kaiwu_runtime._interruption")
    interruption.ignore_signals()
    # What a signal has stopped half-way is destroyed now: a coroutine would complain of that with a traceback.
    sys.unraisablehook = lambda _: None
    sys.stderr.write("error: interrupted\n")
    status: int = interruption.exit_status(error)
    return status
