"""The entry point, and the boundary at which every error becomes one line and an exit status.

Status 0: done, or nothing to do. 1: an action failed. 2: the command line is wrong. 128 + n: stopped by
signal n.
"""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys

# Nothing that takes time is imported here, typing and signal for instance: Ctrl-C would show a traceback of it.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status.

    Args:
        arguments: Without the program's name; None takes the process's.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    verbose = "--verbose" in words or "--verbose=true" in words
    of_process = arguments is None
    try:
        try:
            return _reported(words, verbose=verbose, of_process=of_process)
        except KeyboardInterrupt as error:
            return _interrupted(error, verbose=verbose, of_process=of_process)
    except KeyboardInterrupt as error:
        # A second one, before the report of the first.
        return _interrupted(error, verbose=verbose, of_process=of_process)


def _reported(words: list[str], *, verbose: bool, of_process: bool) -> int:
    """Run the command line; report what goes wrong, but for signals, and return the exit status."""
    # Imports make many objects and no garbage; looking for some at every 700th costs a tenth of a short command.
    gc.set_threshold(50_000, 20, 100)
    try:
        _open_closed_streams()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A path or a name that the terminal's encoding lacks must not make the command fail.
                stream.reconfigure(errors="backslashreplace")
        status = _run(words)
        if of_process:
            importlib.import_module("kaiwuctl.scaffold.interruption").end_at_once_on_signals()
    except BrokenPipeError:
        # The reader of the output has closed it; the interpreter must not complain when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  (the boundary)
        if verbose:
            _print_traceback()
        return _report(error)
    return status


def _interrupted(error: KeyboardInterrupt, *, verbose: bool, of_process: bool) -> int:
    signal = importlib.import_module("signal")
    if of_process:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # A second one would end the message, and the status with it.
            signal.signal(number, signal.SIG_IGN)
    if verbose:
        _print_traceback()
    written = getattr(error, "written", False)
    _print_error("interrupted after everything was written" if written else "interrupted; nothing was changed")
    return 128 + int(getattr(error, "signal", signal.SIGINT))


def _open_closed_streams() -> None:
    """Put the null device where a standard stream is closed: a file that is opened later would take its place."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free descriptor is this one.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for the process


def _run(words: list[str]) -> int:
    # Imported inside the boundary, so that Ctrl-C while Python still imports prints no traceback either.
    importlib.import_module("kaiwuctl.scaffold.interruption").stop_cleanly()
    application = importlib.import_module("kaiwuctl.application").build()
    if "_KAIWUCTL_COMPLETE" in os.environ:
        return int(application.main(words, prog_name="kaiwuctl", standalone_mode=False) or 0)
    # Not `main`, which would swallow Ctrl-C, and with it whether anything had been written.
    try:
        with application.make_context("kaiwuctl", words) as context:
            application.invoke(context)
    except importlib.import_module("typer").Exit as finished:
        return int(finished.exit_code)
    finally:
        sys.stdout.flush()
    return 0


def _report(error: Exception) -> int:
    console = importlib.import_module("kaiwuctl.console")
    errors = importlib.import_module("kaiwuctl.errors")
    if isinstance(error, errors.KaiwuctlError):
        console.fail(error)
        return int(error.exit_status)
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        console.fail(errors.UsageError(_usage(error)))
        return int(error.exit_code)
    if isinstance(error, importlib.import_module("typer").Abort):
        _print_error("interrupted; nothing was changed")
        return 128 + int(importlib.import_module("signal").SIGINT)
    if isinstance(error, OSError):
        message = _failed_call(error)
    else:
        # Of a library that has caught the interruption, and stumbled over what it had half done.
        importlib.import_module("kaiwuctl.scaffold.interruption").raise_if_interrupted()
        message = f"this is a bug in kaiwuctl, please report it with the output of --verbose: {error!r}"
    console.fail(errors.KaiwuctlError(message))
    return 1


def _failed_call(error: OSError) -> str:
    """Return an error of the system as one line; what writes a project has told its own before."""
    what = error.strerror or str(error)
    if error.filename:
        return f"{error.filename}: {what}; correct that and run the command again"
    try:
        os.getcwd()  # noqa: PTH109 - without the import of pathlib
    except FileNotFoundError:
        return "this directory has been deleted; change to another one and run the command there"
    if importlib.import_module("kaiwuctl.scaffold.interruption").is_written():
        return f"standard output: {what}; everything was written to the project"
    return f"{what}; correct that and run the command again"


def _usage(error: Exception) -> str:
    """Return an error of typer's as one line with a hint."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "kaiwuctl"
    option = getattr(error, "option_name", None)
    if option is not None and hasattr(error, "possibilities"):
        near = error.possibilities
        hint = f"did you mean {min(near)}?" if near else f"`{command} --help` lists them"
        return f"unknown flag {option} for {command}; {hint}"
    message = " ".join(str(getattr(error, "format_message", lambda: error)()).split()).rstrip(".")
    return f"{message[:1].lower()}{message[1:]}; `{command} --help` shows what it takes"


def _print_traceback() -> None:
    importlib.import_module("traceback").print_exc()


def _print_error(text: str) -> None:
    sys.stderr.write(f"error: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
