"""What the tests of controllers share."""

from __future__ import annotations

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane

from .rig import Rig


@pytest.fixture
def rig(control_plane: ControlPlane, namespace: str, client: Client) -> Rig:
    return Rig(control_plane, namespace, client)
