"""`init`, `edit` and `import` get a signal at the calls that change a file: SIGINT, SIGTERM or SIGKILL.

The tree is then as before or as after, as the message says, and the same command completes it. A command has hundreds
of such calls, most of them alike: some are drawn from the first and the last of each kind of call, by the command's
name. With more MOMENTS all of these are tried, and others.
test_kills.py and test_interruptions.py do the same with other commands.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import yaml

from kaiwuctl.cli import main

from ..go_operator import shop_crd, write_go_operator
from .command_line import CREATE_ONLY, INIT, Entry, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NO_MAKE = "--make=false"
SECOND = ("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", NO_MAKE)

# By name: the commands that come before, and the one that gets the signals.
COMMANDS: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "init": ((), INIT),
    "init-restores": ((INIT, CREATE_ONLY, ("delete-files",)), ("init",)),
    "edit-multigroup": ((INIT, CREATE_ONLY, SECOND), ("edit", "--multigroup", NO_MAKE)),
    "edit-the-rest": ((INIT, CREATE_ONLY), ("edit", "--namespaced", "--owner", "Inspur", "--license", "none", NO_MAKE)),
    "import-crd": ((INIT,), ("import", "crd", "../shops.yaml", "--controller", NO_MAKE)),
    "import-crd-external": ((INIT,), ("import", "crd", "../shops.yaml", "--external", NO_MAKE)),
    "import-project": ((), ("import", "project", "../go-operator", NO_MAKE)),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
SAMPLES = {"import-project": 3}
"""Moments of a command; this one takes longer than the others, which have MOMENTS."""
MOMENTS = 6

_EVENTS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.chmod", "shutil.rmtree"}
_CALLS = ("write", "fchmod", "fsync")
UNDONE = "warning: An earlier run was interrupted; what it had written was undone\n"
BEFORE = "error: interrupted; nothing was changed\n"
AFTER = "error: interrupted after everything was written\n"


class Ended(NamedTuple):
    """How a process ended: its exit status (negative for a signal), its errors, and the calls it has made."""

    status: int
    errors: str
    calls: list[str]


def _watch(folder: Path, moment: int, number: int) -> list[str]:
    """Send this process a signal before the call `moment`, counted from 1; return the calls, which it adds to."""
    calls: list[str] = []
    scratch = tempfile.gettempdir()

    def note(call: str) -> None:
        calls.append(call)
        if len(calls) == moment:
            os.kill(os.getpid(), number)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and not int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR):
            return
        if event not in _EVENTS and event != "open":
            return
        path = str(Path(os.fsdecode(str(arguments[0]))).absolute())
        if path.startswith(f"{folder}"):
            note(event)
        elif path.startswith(scratch):
            note(f"{event} in scratch")

    def counted(call: Callable[..., object], name: str) -> Callable[..., object]:
        def function(descriptor: int, *arguments: object) -> object:
            if descriptor > 2:
                note(name)
            return call(descriptor, *arguments)

        return function

    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name), name))
    sys.addaudithook(hook)
    return calls


def run(folder: Path, command: tuple[str, ...], moment: int = 0, number: int = 0) -> Ended:
    """Run a command in a fork, which is quick, and let a signal come before one of its calls."""
    said = folder.with_name("said")
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(descriptor, 2)
            sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
            os.chdir(folder)
            tempfile.tempdir = str(folder.with_name("tmp"))
            calls = _watch(folder, moment, number)
            status = main(list(command))
            sys.stderr.flush()
            folder.with_name("calls").write_text(json.dumps(calls))
            os._exit(status)
        os._exit(99)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    listed = folder.with_name("calls")
    calls = json.loads(listed.read_text()) if status == 0 else []
    return Ended(status, said.read_text(), calls)


def prepare(folder: Path, commands: tuple[tuple[str, ...], ...]) -> None:
    folder.mkdir()
    folder.with_name("tmp").mkdir()
    folder.with_name("shops.yaml").write_text(yaml.safe_dump(shop_crd()))
    write_go_operator(folder.with_name("go-operator"))
    for words in commands:
        if words == ("delete-files",):
            shutil.rmtree(folder / "config/manager")
            shutil.rmtree(folder / "hack")
            (folder / "main.py").unlink()
        else:
            ended = run(folder, words)
            assert ended.status == 0, ended


def moments_of(calls: list[str], count: int, seed: str) -> list[int]:
    """Return the moments to try, from 1: the first and the last call of each kind, and others."""
    firsts = {calls.index(call) + 1 for call in set(calls)}
    lasts = {len(calls) - calls[::-1].index(call) for call in set(calls)}
    chosen = sorted(firsts | lasts)
    rest = [moment for moment in range(1, len(calls) + 1) if moment not in chosen]
    shuffled = random.Random(seed)
    if len(chosen) > count:
        return shuffled.sample(chosen, count)
    return [*chosen, *shuffled.sample(rest, min(len(rest), count - len(chosen)))]


def check(name: str, tmp_path: Path, count: int, signals: tuple[int, ...] = ()) -> Iterator[str]:
    """Try the moments of a command, each with one of the signals or with those given; yield what is wrong."""
    earlier, command = COMMANDS[name]
    prepared, folder = tmp_path / "prepared", tmp_path / "kaiwu-operator"
    prepare(folder, earlier)
    before = snapshot(folder)
    shutil.copytree(folder, prepared, symlinks=True)
    undisturbed = run(folder, command)
    assert (undisturbed.status, undisturbed.errors) == (0, "")
    after = snapshot(folder)
    assert after != before
    for turn, moment in enumerate(moments_of(undisturbed.calls, count, name)):
        for number in signals or (SIGNALS[turn % len(SIGNALS)],):
            shutil.rmtree(folder)
            shutil.copytree(prepared, folder, symlinks=True)
            ended = run(folder, command, moment, number)
            here = f"{name}, {signal.Signals(number).name} at {moment}, {undisturbed.calls[moment - 1]}: "
            yield from (here + fault for fault in faults(ended, number, folder, before, after))
            again = run(folder, command)
            killed = number == signal.SIGKILL
            if again.status or again.errors not in ({"", UNDONE} if killed else {""}):
                yield f"{here}the next run: {again.status} {again.errors}"
            if snapshot(folder) != after:
                yield f"{here}the next run does not complete it"
            if left := [path.name for path in folder.with_name("tmp").iterdir()]:
                yield f"{here}temporary files are left: {left}"


def faults(ended: Ended, number: int, folder: Path, before: dict[str, Entry], after: dict[str, Entry]) -> Iterator[str]:
    """Yield what is wrong after a run that got a signal."""
    if number == signal.SIGKILL:
        if ended.status != -number:
            yield f"not killed: {ended}"
        return
    if ended.status != 128 + number or ended.errors not in {BEFORE, AFTER}:
        yield f"status {ended.status}: {ended.errors}"
    if snapshot(folder) != (before if ended.errors == BEFORE else after):
        yield "the tree is not as the message says"


@pytest.fixture(scope="module", autouse=True)
def imports() -> None:
    """Import what the commands import, so that no fork has to."""
    for package in ("kaiwuctl.scaffold", "kaiwuctl.importer", "kaiwuctl.commands"):
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(module.name)
    importlib.import_module("copier")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_signal_at_a_call(name: str, tmp_path: Path) -> None:
    assert not list(check(name, tmp_path, SAMPLES.get(name, MOMENTS)))


def test_the_moments_have_each_kind_of_call() -> None:
    calls = ["open", "write", "write", "write", "rename"]
    assert {calls[moment - 1] for moment in moments_of(calls, 4, "")} == {"open", "write", "rename"}
    assert sorted(moments_of(calls, 9, "")) == [1, 2, 3, 4, 5]
