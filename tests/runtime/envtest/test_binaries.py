from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import locate
from kaiwu_runtime.envtest._binaries import cache_directory, version_matches
from kaiwu_runtime.errors import ControlPlaneError

from .conftest import pretend, write_program


def test_assets_win_over_path_and_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versioned: Callable[[str], Path]
) -> None:
    assets, path = pretend(tmp_path / "assets", "1.31.0"), pretend(tmp_path / "path", "1.32.0")
    pretend(versioned("1.37.2"), "1.37.2")
    assert locate().version == "1.37.2"
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.defpath}")
    found = locate()
    assert (found.version, found.etcd) == ("1.32.0", path / "etcd")
    assert str(path) in found.place
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    found = locate()
    assert (found.version, found.api_server) == ("1.31.0", assets / "kube-apiserver")
    assert "KUBEBUILDER_ASSETS" in found.place
    assert found.directory == assets


@pytest.mark.parametrize("without", ["etcd", "kube-apiserver"])
def test_assets_without_a_program_are_an_error_even_when_another_place_has_it(
    without: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versioned: Callable[[str], Path]
) -> None:
    pretend(versioned("1.37.2"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(pretend(tmp_path / "assets", without=without)))
    with pytest.raises(ControlPlaneError, match=rf"^KUBEBUILDER_ASSETS=\S+/assets lacks {without}; unset it"):
        locate()


def test_assets_of_another_version_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(pretend(tmp_path / "assets", "1.30.4")))
    assert locate(version="1.30").version == "1.30.4"
    with pytest.raises(ControlPlaneError, match=r"has Kubernetes 1\.30\.4, not 1\.37;"):
        locate(version="1.37")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo hello", "did not answer with a Kubernetes version"),
        ("exit 3", r"did not answer with a Kubernetes version \(exit 3\)"),
    ],
    ids=["another program", "failing"],
)
def test_assets_that_do_not_run_are_an_error(
    script: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(pretend(tmp_path / "assets") / "kube-apiserver", script)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    with pytest.raises(ControlPlaneError, match=reason):
        locate()


def test_a_program_for_another_machine_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = pretend(tmp_path / "assets") / "kube-apiserver"
    program.write_bytes(b"\x7fELF not for this machine")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path / "assets"))
    with pytest.raises(ControlPlaneError, match="cannot be run: Exec format error"):
        locate()


def test_half_of_the_programs_on_path_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versioned: Callable[[str], Path]
) -> None:
    path = pretend(tmp_path / "path", without="etcd")
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.defpath}")
    with pytest.raises(ControlPlaneError, match=r"PATH +no etcd\n"):
        locate()
    pretend(versioned("1.37.2"))
    assert locate().directory == versioned("1.37.2")


def test_nothing_anywhere_lists_the_places(cache: Path) -> None:
    with pytest.raises(ControlPlaneError) as caught:
        locate()
    lines = str(caught.value).splitlines()
    assert lines[0] == "no etcd and kube-apiserver; tried, in this order:"
    assert [line.split()[0] for line in lines[1:4]] == ["KUBEBUILDER_ASSETS", "PATH", "cache"]
    assert str(cache) in lines[3]
    assert lines[4] == "run `python -m kaiwu_runtime.envtest setup` once to download or build them"


@pytest.mark.parametrize(
    ("cached", "wanted", "found"),
    [
        (["1.36.1", "1.37.2", "1.38.0"], None, "1.37.2"),
        (["1.9.0", "1.36.1", "1.36.10", "1.36.2"], None, "1.36.10"),
        (["1.36.1", "1.36.10", "1.37.2"], "1.36", "1.36.10"),
        (["1.36.1", "1.36.10", "1.37.2"], "v1.36.1", "1.36.1"),
    ],
    ids=["the default version", "else the newest", "the newest patch", "an exact version"],
)
def test_choice_in_the_cache(
    cached: list[str], wanted: str | None, found: str, versioned: Callable[[str], Path]
) -> None:
    for version in cached:
        pretend(versioned(version), version)
    assert locate(version=wanted).version == found


def test_version_from_the_environment_and_the_argument(
    monkeypatch: pytest.MonkeyPatch, versioned: Callable[[str], Path]
) -> None:
    for version in ("1.35.0", "1.36.0"):
        pretend(versioned(version), version)
    monkeypatch.setenv("KAIWU_ENVTEST_VERSION", "1.35")
    assert locate().version == "1.35.0"
    assert locate(version="1.36").version == "1.36.0"
    monkeypatch.setenv("KAIWU_ENVTEST_VERSION", "latest")
    with pytest.raises(ControlPlaneError, match=r"^KAIWU_ENVTEST_VERSION 'latest' is not a valid Kubernetes version"):
        locate()


def test_the_controller_manager_is_looked_for_only_when_asked_for(versioned: Callable[[str], Path]) -> None:
    pretend(versioned("1.37.2"))
    assert locate().controller_manager is None
    with pytest.raises(ControlPlaneError, match=r"lacks kube-controller-manager[\s\S]*setup --controller-manager`"):
        locate(controller_manager=True)
    pretend(versioned("1.36.0"), manager=True)
    assert locate(controller_manager=True).controller_manager == versioned("1.36.0") / "kube-controller-manager"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"KAIWU_ENVTEST_DIR": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"KAIWU_ENVTEST_DIR": "~/a"}, "/home/ann/a"),
        ({"KAIWU_ENVTEST_DIR": "", "XDG_CACHE_HOME": "/b"}, "/b/kaiwu/envtest"),
        ({"KAIWU_ENVTEST_DIR": "", "XDG_CACHE_HOME": "relative"}, "/home/ann/.cache/kaiwu/envtest"),
        ({"KAIWU_ENVTEST_DIR": ""}, "/home/ann/.cache/kaiwu/envtest"),
    ],
)
def test_cache_directory(environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_directory() == Path(expected)


@pytest.mark.parametrize(
    ("version", "wanted", "matches"),
    [
        ("1.37.2", None, True),
        ("1.37.2", "1.37.2", True),
        ("1.37.2", "1.37", True),
        ("1.37.2", "1.3", False),
        ("1.37.20", "1.37.2", False),
    ],
)
def test_version_matches(version: str, wanted: str | None, matches: bool) -> None:
    assert version_matches(version, wanted) is matches


@pytest.mark.parametrize("what", ["cache", "version", "program"])
def test_programs_that_every_user_may_replace_are_not_run(
    what: str, cache: Path, versioned: Callable[[str], Path]
) -> None:
    folder = pretend(versioned("1.37.2"))
    path = {"cache": cache, "version": folder, "program": folder / "kube-apiserver"}[what]
    mode = path.stat().st_mode
    path.chmod(0o777)
    with pytest.raises(ControlPlaneError, match=rf"cache +every user can write to {path}; remove that permission"):
        locate()
    path.chmod(mode)
    assert locate().version == "1.37.2"
