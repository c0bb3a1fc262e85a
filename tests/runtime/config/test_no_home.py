"""Tests for a user without a home folder: no HOME, and a uid that the list of users does not have."""

from __future__ import annotations

import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from kaiwu_runtime.config._credentials import load_credentials
from kaiwu_runtime.config._kubeconfig import kubeconfig_paths
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._binaries import cache_directory
from kaiwu_runtime.errors import KaiwuError
from kaiwu_runtime.manager import Manager, ManagerOptions

VARIABLES = {
    "HOME": (None,),
    "KUBECONFIG": (None, "~/config", "~absent-user/config", "~/a:~b/c"),
    "XDG_CACHE_HOME": (None, "~", "relative"),
    "KAIWU_ENVTEST_DIR": (None, "~/envtest"),
    "KUBEBUILDER_ASSETS": (None, "~/assets"),
}
COMBINATIONS = [{name: value} for name, values in VARIABLES.items() for value in values]
ACTIONS: dict[str, Callable[[], object]] = {
    "credentials": load_credentials,
    "explicit credentials": lambda: load_credentials(kubeconfig="~/config"),
    "paths": kubeconfig_paths,
    "cache": cache_directory,
    "control plane": lambda: ControlPlane().start(),
    "manager": lambda: Manager(ManagerOptions(health_probe_bind_address="0")).run(),
}


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    def unknown(key: object) -> object:
        raise KeyError(key)

    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("variables", COMBINATIONS, ids=str)
def test_what_needs_a_home_says_so_in_one_line(
    action: str,
    variables: dict[str, str | None],
    no_home: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in variables.items():
        if value is not None:
            no_home.setenv(name, value)
    try:
        ACTIONS[action]()
    except KaiwuError as error:
        assert "\n" not in str(error)  # noqa: PT017 - whatever is raised is one of ours
    assert "Traceback" not in capsys.readouterr().err
