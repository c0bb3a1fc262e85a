from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.scaffold.seal import state_folder

if TYPE_CHECKING:
    from pathlib import Path

_CODE = "import sys\nfrom kaiwuctl.scaffold.seal import seal\nsys.stdout.write(seal(b'content'))\n"


def seal_in_a_process(**environment: str) -> str:
    command = [sys.executable, "-c", _CODE]
    result = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=True, timeout=60
    )
    assert len(result.stdout) == 64
    return result.stdout


def test_the_key_is_the_users_and_lasts(tmp_path: Path) -> None:
    state = tmp_path / "state"
    first = seal_in_a_process(XDG_STATE_HOME=str(state))
    assert first == seal_in_a_process(XDG_STATE_HOME=str(state))
    assert first != seal_in_a_process(XDG_STATE_HOME=str(tmp_path / "other"))
    assert [path.name for path in (state / "kaiwu").iterdir()] == ["undo.key"]
    assert oct((state / "kaiwu" / "undo.key").stat().st_mode) == "0o100600"
    assert oct((state / "kaiwu").stat().st_mode) == "0o40700"


def test_processes_that_start_at_the_same_time_have_one_key(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", _CODE], env=environment, stdout=subprocess.PIPE) for _ in range(6)
    ]
    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1


@pytest.mark.parametrize("damage", ["others may read it", "too short", "a link", "a pipe", "another user's"])
def test_a_key_that_others_may_know_is_made_anew(tmp_path: Path, damage: str) -> None:
    before = seal_in_a_process(XDG_STATE_HOME=str(tmp_path))
    key = tmp_path / "kaiwu" / "undo.key"
    content = key.read_bytes()
    if damage == "others may read it":
        key.chmod(0o644)
    elif damage == "too short":
        key.write_bytes(content[:5])
    elif damage == "another user's":
        if os.getuid() != 0:
            pytest.skip("only root can give a file away")
        os.chown(key, 12345, -1)
    else:
        key.unlink()
        if damage == "a pipe":
            os.mkfifo(key, 0o600)
        else:
            (tmp_path / "theirs").write_bytes(content)
            (tmp_path / "theirs").chmod(0o600)
            key.symlink_to("../theirs")
    after = seal_in_a_process(XDG_STATE_HOME=str(tmp_path))
    assert after != before
    assert after == seal_in_a_process(XDG_STATE_HOME=str(tmp_path))
    assert key.is_file()
    assert not key.is_symlink()


@pytest.mark.parametrize("obstacle", ["a file", "open to all", "a link"])
def test_without_a_folder_of_ones_own_the_key_lasts_as_long_as_the_process(tmp_path: Path, obstacle: str) -> None:
    folder = tmp_path / "kaiwu"
    if obstacle == "a file":
        folder.write_text("")
    elif obstacle == "a link":
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to("elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    assert seal_in_a_process(**environment) != seal_in_a_process(**environment)


def test_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert state_folder() == tmp_path / ".local/state/kaiwu"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert state_folder() == tmp_path / ".local/state/kaiwu"
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert str(state_folder()) == "/state/kaiwu"
