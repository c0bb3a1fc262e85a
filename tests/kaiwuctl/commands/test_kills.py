"""Every command is killed at each of its changes to the disk, one after the other; the next run undoes what it left.

The tree is then as before, and the same command does what it would have done. test_interruptions.py stops one command
at moments in time.
"""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from kaiwuctl.cli import main

from .command_line import CREATE_ONLY, INIT, CommandLine, snapshot
from .in_process import inside

KAIWU = ("--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster")
SECOND = ("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")
UNTYPED = ("--group", "cert-manager", "--version", "v1", "--kind", "Certificate", "--domain", "io", "--untyped")
IMAGE = (*KAIWU, "--image", "registry:5000/kaiwu:1", "--container-port", "8080")

# By name: the commands that come before, and the one that is killed.
COMMANDS: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    "create-api": ((INIT,), CREATE_ONLY),
    "create-api-untyped": ((INIT,), ("create", "api", *UNTYPED, "--make=false")),
    "create-api-image": ((INIT,), ("create", "api", *IMAGE, "--make=false")),
    "delete-api-untyped": (
        (INIT, ("create", "api", *UNTYPED, "--make=false")),
        ("delete", "api", *UNTYPED[:6], "--make=false"),
    ),
    "delete-api-image": ((INIT, ("create", "api", *IMAGE, "--make=false")), ("delete", "api", *KAIWU, "--make=false")),
    "delete-api": ((INIT, CREATE_ONLY), ("delete", "api", *KAIWU, "--make=false")),
    "delete-controller": ((INIT, CREATE_ONLY), ("delete", "api", *KAIWU, "--controller-only", "--make=false")),
    "delete-webhook": (
        (INIT, CREATE_ONLY, ("create", "webhook", *KAIWU, "--defaulting", "--validation", "--make=false")),
        ("delete", "webhook", *KAIWU, "--make=false"),
    ),
    "delete-api-with-webhooks": (
        (INIT, CREATE_ONLY, ("create", "webhook", *KAIWU, "--defaulting", "--validation", "--make=false")),
        ("delete", "api", *KAIWU, "--with-webhooks", "--make=false"),
    ),
    "edit-multigroup": ((INIT, CREATE_ONLY, SECOND), ("edit", "--multigroup", "--make=false")),
    "edit-the-rest": ((INIT, CREATE_ONLY), ("edit", "--namespaced", "--owner", "Inspur", "--make=false")),
}

# Not the staging of new content and the backups, which are many and alike.
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir"}
INTERRUPTED = "warning: An earlier run was interrupted; what it had written was undone\n"


def run_until(folder: Path, command: tuple[str, ...], change: int) -> int:
    """Run a command in a process of its own that is killed before one of its changes; return its wait status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        seen = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal seen
            if event in CHANGES and str(folder) in str(Path(os.fsdecode(str(arguments[0]))).absolute()):
                seen += 1
                if seen == change:
                    os.kill(os.getpid(), signal.SIGKILL)

        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 1)
        os.dup2(devnull, 2)
        os.chdir(folder)
        sys.addaudithook(hook)
        os._exit(main(list(command)))
    finally:
        os._exit(99)


def preload(folder: Path, command: tuple[str, ...]) -> None:
    """Import what a command imports, so that its forks need not: that is half of their time."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.chdir(folder)
            main(list(command))
        finally:
            os.write(writing, " ".join(sorted(sys.modules)).encode())
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as names:
        loaded = names.read().split()
    os.waitpid(child, 0)
    assert "kaiwuctl.scaffold.journal" in loaded
    for name in loaded:
        with suppress(ImportError):
            importlib.import_module(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_every_change(name: str, tmp_path: Path) -> None:
    earlier, command = COMMANDS[name]
    prepared, folder = tmp_path / "prepared", tmp_path / "kaiwu-operator"
    folder.mkdir()
    for words in earlier:
        CommandLine(folder).ok(*words)
    before = snapshot(folder)
    shutil.copytree(folder, prepared, symlinks=True)
    preload(folder, command)
    shutil.rmtree(folder)
    shutil.copytree(prepared, folder, symlinks=True)
    CommandLine(folder).ok(*command)
    after = snapshot(folder)
    assert after != before
    undone = change = 0
    while True:
        change += 1
        shutil.rmtree(folder)
        shutil.copytree(prepared, folder, symlinks=True)
        status = run_until(folder, command, change)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            break
        with inside(folder):
            again = CommandLine(folder).run(*command) if change % 4 == 0 else None
        if again is None:
            # In a fork, which is quick.
            assert os.waitstatus_to_exitcode(run_until(folder, command, 0)) == 0, change
        else:
            assert again.returncode == 0, again.stderr
            assert again.stderr in {"", INTERRUPTED}
            undone += again.stderr == INTERRUPTED
        assert snapshot(folder) == after, change
    assert os.waitstatus_to_exitcode(status) == 0
    assert snapshot(folder) == after
    assert change > 10
    assert undone > 0
