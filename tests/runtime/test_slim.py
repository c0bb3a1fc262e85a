"""Symbol tables go, everything that is loaded stays."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import uvloop

import kaiwu_runtime
from kaiwu_runtime.slim import DEVELOPMENT, main, slim, strip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of two packages with compiled modules."""
    for package in (uvloop, msgspec):
        assert package.__file__ is not None
        source = Path(package.__file__).parent
        shutil.copytree(source, tmp_path / source.name)
    return tmp_path


def load(folder: Path) -> str:
    """Use the modules of a folder in a process of its own."""
    code = (
        "import asyncio, msgspec, uvloop\n"
        "assert uvloop.run(asyncio.sleep(0, 7)) == 7\n"
        "assert msgspec.json.decode(b'[1]') == [1]\n"
        "print(uvloop.__file__, msgspec.__file__)"
    )
    command = [sys.executable, "-c", code]
    environment = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ELF files are Linux's")
def test_a_slimmed_library_still_works(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    libraries = sorted(copy.rglob("*.so"))
    before = {path: (path.stat().st_size, path.stat().st_mode) for path in libraries}
    assert main([str(copy)]) == 0
    assert "MB removed" in capsys.readouterr().out
    assert load(copy).count(str(copy)) == 2
    after = {path: (path.stat().st_size, path.stat().st_mode) for path in libraries}
    assert sum(size for size, _ in after.values()) < sum(size for size, _ in before.values())
    assert {path: mode for path, (_, mode) in after.items()} == {path: mode for path, (_, mode) in before.items()}
    assert slim(copy) == 0, "a second time nothing is left to remove"


def test_an_operator_runs_without_what_is_for_development(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kaiwu_runtime.__file__ is not None
    installed = tmp_path / "lib" / "kaiwu_runtime"
    shutil.copytree(Path(kaiwu_runtime.__file__).parent, installed)
    (tmp_path / "kaiwu_runtime" / "testing").mkdir(parents=True)  # of another package
    (tmp_path / "kaiwu_runtime" / "testing" / "__init__.py").touch()
    assert main([str(tmp_path)]) == 0
    left = {path.name for path in installed.iterdir()}
    assert not left & set(DEVELOPMENT)
    assert {"manager", "webhook", "image"} <= left
    assert (tmp_path / "kaiwu_runtime" / "testing" / "__init__.py").exists()
    code = (
        "import pkgutil, importlib, kaiwu_runtime\n"
        "for found in pkgutil.walk_packages(kaiwu_runtime.__path__, 'kaiwu_runtime.'):\n"
        "    found.name.endswith('__main__') or importlib.import_module(found.name)\n"
        "print(kaiwu_runtime.__file__)"
    )
    environment = {"PYTHONPATH": str(installed.parent), "PATH": "/usr/bin:/bin"}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, check=False, capture_output=True, text=True)
    assert ran.stdout.strip() == str(installed / "__init__.py"), ran.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF",
        b"not a library",
        b"\x7fELF\x02\x01" + bytes(10),
        b"\x7fELF\x01\x01" + bytes(200),  # 32 bits
        b"\x7fELF\x02\x01" + bytes(26) + struct.pack("<Q", 1 << 40) + bytes(14) + struct.pack("<HH", 56, 9) + bytes(99),
    ],
)
def test_what_is_no_library_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.so"
    path.write_bytes(content)
    assert strip(path) == 0
    assert path.read_bytes() == content


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.so"
    outside.write_bytes(Path(msgspec._core.__file__).read_bytes())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link.so").symlink_to(outside)
    assert slim(tmp_path / "folder") == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "usage: python -m kaiwu_runtime.slim DIR...\n"),
        (["--help"], 2, "usage: python -m kaiwu_runtime.slim DIR...\n"),
        (["/absent"], 1, "error: /absent is not a directory\n"),
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str) -> None:
    assert main(arguments) == status
    assert capsys.readouterr().err == message
