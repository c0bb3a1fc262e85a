"""A client of an API server in memory, or of a real one: for tests that are run on both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.api import CustomResource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing import FakeTransport

from .crds import install

SERVERS = ["fake", pytest.param("real", marks=pytest.mark.envtest)]
"""Parameters of a fixture."""


@asynccontextmanager
async def connected(
    request: pytest.FixtureRequest, folder: Path, *kinds: type[CustomResource]
) -> AsyncIterator[Client]:
    """Yield a client whose namespace is there for the test.

    Args:
        request: Of a fixture with one of `SERVERS`.
        folder: Where the CRDs are written; nothing else may be there.
        kinds: The kinds to be served.
    """
    if request.param == "fake":
        yield Client(FakeTransport(*kinds), namespace="fake")
        return
    control_plane: ControlPlane = request.getfixturevalue("control_plane")
    install(control_plane, kinds, folder)
    async with Client.connect(control_plane.kubeconfig) as client:
        client.namespace = request.getfixturevalue("namespace")
        yield client
