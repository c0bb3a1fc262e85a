"""A tree with a plan for it, and faults at each moment of a write."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import sys
from typing import TYPE_CHECKING, NamedTuple

from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.interruption import Interruption
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.render import RenderedFile
from kaiwuctl.scaffold.write import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_OPERATIONS = {
    "open",
    "os.rename",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "shutil.rmtree",
}


class Entry(NamedTuple):
    """What a file or directory is, for comparing trees."""

    mode: int
    content: bytes | None


def tree(root: Path) -> dict[str, Entry]:
    """Return everything below `root`."""
    entries = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        entries[path.relative_to(root).as_posix()] = Entry(mode, path.read_bytes() if path.is_file() else None)
    return entries


def plan_for(root: Path) -> Plan:
    """A plan with all actions, in old and new folders."""
    plan = Plan(root, force=True)
    plan.add(RenderedFile("api/v1/kaiwu_types.py", b"types\n" * 2000), recorded=False)
    plan.add(RenderedFile("api/v1/__init__.py", b""), recorded=False)
    plan.add(RenderedFile("hack/run.sh", b"#!/bin/sh\n", executable=True), recorded=False)
    plan.add(RenderedFile("config/crd/mine.yaml", b"theirs\n"), recorded=False)
    plan.merge("config/crd/kustomization.yaml", lambda text: f"{text}- b\n")
    plan.merge("PROJECT", lambda _: "new\n")
    plan.delete("api/v2/deep/old_types.py", recorded=None)
    plan.delete("api/v2/deep/absent.py", recorded=None)
    plan.move("docs/page.md", "docs/reference/page.md", lambda content: content + b"moved\n")
    plan.move("hooks.sh", "hack/hooks.sh")
    plan.check()
    return plan


def execute_plan(root: Path) -> None:
    write(root, list(plan_for(root).changes()))


def after(root: Path, tmp_path: Path) -> dict[str, Entry]:
    """Return the tree that an undisturbed write of the same plan gives."""
    copy = tmp_path / "undisturbed"
    shutil.copytree(root, copy)
    execute_plan(copy)
    return tree(copy)


def in_child(body: Callable[[], None]) -> int:
    """Run `body` in a forked process and return its exit status; negative for a signal."""
    process = multiprocessing.get_context("fork").Process(target=body)
    process.start()
    process.join(30)
    assert process.exitcode is not None
    return process.exitcode


def strike(root: Path, moment: int, fault: Callable[[], None], *, lasting: bool = False) -> Callable[[], None]:
    """Return a body that writes the plan and lets `fault` strike before the file operation number `moment`.

    Its exit status is 0 when the write was over before that, 3 for a failed write, 4 for an interrupted one,
    5 for an interruption when it was over, 6 for a write that succeeded in spite of the fault.
    """

    def body() -> None:
        changes = list(plan_for(root).changes())
        count = 0

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal count
            if event in _OPERATIONS and str(root) in str(arguments[0]):
                count += 1
                if count == moment or (lasting and count > moment):
                    fault()

        sys.addaudithook(hook)
        try:
            write(root, changes)
        except WriteError:
            os._exit(3)
        except Interruption as interruption:
            os._exit(5 if interruption.written else 4)
        os._exit(0 if count < moment else 6)

    return body


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")


def kill(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)
