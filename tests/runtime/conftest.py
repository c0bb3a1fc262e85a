"""What tests of several parts of the runtime share."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane

from .packages import Make


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[Client]:
    """A client of the tests' API server, with all rights."""
    async with Client.connect(control_plane.kubeconfig) as made:
        yield made


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Write a package of a fresh name from file contents and import it."""
    name = f"found_{tmp_path.name.replace('-', '_')}"

    def write(files: dict[str, str]) -> ModuleType:
        for path, content in {"__init__.py": "", **files}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield write
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]
