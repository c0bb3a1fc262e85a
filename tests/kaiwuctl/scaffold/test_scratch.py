"""The temporary folder goes whatever ends its block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.scratch import scratch_folder

BLOCK = """
import os, sys
from kaiwuctl.scaffold.interruption import Interruption, stop_cleanly
from kaiwuctl.scaffold.scratch import scratch_folder

seen = 0

def hook(event, arguments):
    global seen
    # What is removed is named relative to its folder.
    if event in {"os.rmdir", "os.remove"} or (event in {"os.mkdir", "open"} and sys.argv[2] in str(arguments)):
        seen += 1
        if seen == int(sys.argv[1]) or (seen > int(sys.argv[1]) and sys.argv[3] == "again"):
            os.kill(os.getpid(), 15)

stop_cleanly()
sys.addaudithook(hook)
try:
    with scratch_folder() as folder:
        for name in ("a", "b"):
            (folder / name).mkdir()
            (folder / name / "file").write_text(name)
except Interruption as interruption:
    sys.exit(128 + interruption.signal)
sys.exit(0 if seen < int(sys.argv[1]) else 1)
"""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "parent"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("repeated", ["once", "again"])
def test_a_signal_at_any_moment(repeated: str, tmp_path: Path) -> None:
    """The second one comes while the first one is cleaned up after."""
    statuses = []
    for moment in range(1, 100):
        command = [sys.executable, "-c", BLOCK, str(moment), "kaiwuctl-", repeated]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        statuses.append(subprocess.run(command, env=environment, capture_output=True, check=False).returncode)
        assert list(tmp_path.iterdir()) == [], moment
        if statuses[-1] == 0:
            break
    assert statuses[-1] == 0
    assert len(statuses) > 8
    assert set(statuses[:-1]) == {128 + signal.SIGTERM}


LEAVE = """
import os, signal
from kaiwuctl.scaffold.scratch import scratch_folder

with scratch_folder() as folder:
    (folder / "file").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_command_left_goes(parent: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(parent)}
    subprocess.run([sys.executable, "-c", LEAVE], env=environment, capture_output=True, check=False)
    (left,) = parent.iterdir()
    others = {parent / f"{left.name}-{name}" for name in ("open", "link", "file")}
    (parent / f"{left.name}-open").mkdir(mode=0o755)
    (parent / f"{left.name}-link").symlink_to(parent / "elsewhere")
    (parent / f"{left.name}-file").touch(mode=0o700)
    with scratch_folder() as first:
        assert set(parent.iterdir()) == {first, *others}
        with scratch_folder() as second:
            assert set(parent.iterdir()) == {first, second, *others}, "the first one is in use"
    assert set(parent.iterdir()) == others


def test_what_cannot_be_removed_is_told(parent: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scratch_folder() as folder:
        (folder / "file").touch()
        folder.rename(parent / "moved")
        folder.symlink_to(parent / "moved")
    assert capsys.readouterr().err == f"warning: {folder}: cannot be removed; remove it when the disk is in order\n"
    assert (parent / "moved" / "file").exists()


def read_what_is_missing(path: Path) -> None:
    with scratch_folder() as folder:
        (folder / path).read_bytes()


def test_only_its_own_faults_are_put_down_to_it(parent: Path, tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=f"{parent}: No such file or directory; nothing was changed"):
        read_what_is_missing(Path("missing"))
    with pytest.raises(FileNotFoundError):
        read_what_is_missing(tmp_path / "missing")
    assert list(parent.iterdir()) == []
