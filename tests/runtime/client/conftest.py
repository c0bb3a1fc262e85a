"""What the tests of the client share."""

from __future__ import annotations

import pytest

from kaiwu_runtime.envtest import ControlPlane

from ..crds import install
from .engines import Engine


@pytest.fixture(scope="module")
def engines(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    install(control_plane, [Engine], tmp_path_factory.mktemp("crds"))
