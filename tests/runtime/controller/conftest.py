"""What the tests of controllers share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane

from .rig import Rig


@pytest.fixture
async def rig(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Rig]:
    async with Client.connect(control_plane.kubeconfig) as client:
        yield Rig(control_plane, namespace, client)
