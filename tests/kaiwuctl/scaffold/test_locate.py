"""Templates and the runtime's wheel are found in an installation and in a checkout."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.scaffold import locate


@pytest.mark.parametrize(("name", "file"), [("init", "copier.yml"), ("api", "types.py.jinja")])
def test_a_template_is_found(name: str, file: str) -> None:
    assert (locate.template_folder(name) / file).is_file()


def test_the_wheel_is_the_runtimes() -> None:
    wheel = locate.runtime_wheel()
    assert hashlib.sha256(wheel.path.read_bytes()).hexdigest() == wheel.sha256
    with zipfile.ZipFile(wheel.path) as archive:
        assert "kaiwu_runtime/__init__.py" in archive.namelist()
        assert f"kaiwu_runtime-{wheel.version}.dist-info/METADATA" in archive.namelist()


def test_the_wheel_is_the_same_every_time() -> None:
    assert locate.runtime_wheel() == locate.runtime_wheel()


def test_an_installation_carries_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "_vendor").mkdir()
    (tmp_path / "_vendor" / "kaiwu_runtime-1.2.3-py3-none-any.whl").write_bytes(b"wheel")
    monkeypatch.setattr(locate, "_PACKAGE", tmp_path)
    wheel = locate.runtime_wheel()
    assert (wheel.name, wheel.version) == ("kaiwu_runtime-1.2.3-py3-none-any.whl", "1.2.3")


def test_an_incomplete_installation_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "_PACKAGE", tmp_path)
    monkeypatch.setattr(locate, "_CHECKOUT", tmp_path)
    with pytest.raises(KaiwuctlError, match=r"the template init is missing from .*; install kaiwuctl again"):
        locate.template_folder("init")
    with pytest.raises(KaiwuctlError, match="the kaiwu-runtime wheel is missing from"):
        locate.runtime_wheel()


def test_sources_that_do_not_build_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "pyproject.toml").write_text("[build-system]\n")
    monkeypatch.setattr(locate, "_PACKAGE", tmp_path / "package")
    monkeypatch.setattr(locate, "_CHECKOUT", tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(KaiwuctlError, match=r"kaiwu-runtime cannot be built: .*; run `make dev` in"):
        locate.runtime_wheel()
    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_the_wheel_of_a_project(tmp_path: Path) -> None:
    assert locate.vendored_wheel(tmp_path) is None
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "kaiwu_runtime-0.9.0-py3-none-any.whl").write_bytes(b"wheel")
    wheel = locate.vendored_wheel(tmp_path)
    assert wheel is not None
    assert wheel.version == "0.9.0"
    with pytest.raises(KaiwuctlError, match="is not a kaiwu-runtime wheel"):
        locate.describe_wheel(tmp_path / "other-1.0-py3-none-any.whl")
