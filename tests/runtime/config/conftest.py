"""The scripted server of the tests of rest/, and one that knows its users."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..rest.conftest import server, tls_server, transport
from .rotation_cluster import Cluster

__all__ = ["cluster", "server", "tls_server", "transport"]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """A started server with kubeconfigs in a folder of its own."""
    made = Cluster(tmp_path)
    await made.start()
    yield made
    await made.stop()
