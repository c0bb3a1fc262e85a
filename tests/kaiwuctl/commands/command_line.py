"""Runs the command line as a user does: a process of its own, with no terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from .fork_server import SECONDS, ForkServer

if TYPE_CHECKING:
    from pathlib import Path

INIT = ("init", "--domain", "inspur.com", "--repo", "github.com/inspur/kaiwu-operator")
CREATE = ("create", "api", "--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster")
CREATE_ONLY = (*CREATE, "--make=false")


class Entry(NamedTuple):
    """What a file or directory is, for comparing trees."""

    mode: int
    content: bytes | str | None


def snapshot(root: Path) -> dict[str, Entry]:
    """Return everything below `root`; a link with its target, a folder without content."""
    entries = {}
    for path in sorted(root.rglob("*")):
        content: bytes | str | None = None
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        entries[path.relative_to(root).as_posix()] = Entry(path.lstat().st_mode, content)
    return entries


@cache
def fork_server() -> ForkServer:
    """Return the server of this worker of the tests."""
    return ForkServer()


@dataclass(frozen=True)
class CommandLine:
    """kaiwuctl in a folder.

    Attributes:
        folder: The working directory.
        environment: Added to the process's.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def argv(self, *arguments: str) -> list[str]:
        """Return the command to start."""
        return [sys.executable, "-m", "kaiwuctl", *arguments]

    def env(self) -> dict[str, str]:
        """Return the environment to start it in."""
        return {**os.environ, **self.environment}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it without a terminal and return what it said."""
        if not self.environment and fork_server().fits:
            return fork_server().run(arguments, self.folder)
        return subprocess.run(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    def ok(self, *arguments: str) -> str:
        """Run it, insist on success, and return standard output."""
        result = self.run(*arguments)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
        return result.stdout

    def refused(self, *arguments: str, status: int) -> str:
        """Run it, insist on a failure that is one line, and return that line."""
        result = self.run(*arguments)
        assert result.returncode == status, result.stderr or result.stdout
        first, *others = result.stderr.splitlines()
        assert first.startswith("error: ")
        # Further lines are a list that belongs to the first.
        assert all(line.startswith("  ") and ":" not in line for line in others), result.stderr
        assert "Traceback" not in result.stderr
        return result.stderr
