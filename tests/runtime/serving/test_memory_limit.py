"""The memory that a container may use, and what follows for the number of connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaiwu_runtime.serving import _acceptor as acceptor
from kaiwu_runtime.serving._acceptor import ConnectionLimits
from kaiwu_runtime.serving._memory_limit import memory_limit
from kaiwu_runtime.webhook._review_handler import LIMITS

MIB = 1024**2


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        pytest.param({"max": "268435456\n"}, 268435456, id="version 2"),
        pytest.param({"max": "max\n"}, None, id="no limit"),
        pytest.param({"v1": "134217728"}, 134217728, id="version 1"),
        pytest.param({"v1": "9223372036854771712\n"}, None, id="version 1, no limit"),
        pytest.param({"max": "max", "v1": "1000"}, 1000, id="both"),
        pytest.param({"max": "\xff"}, None, id="nonsense"),
        pytest.param({}, None, id="no cgroups"),
    ],
)
def test_the_limit_of_the_container_is_found(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    assert memory_limit((str(tmp_path / "max"), str(tmp_path / "v1"))) == limit


@pytest.mark.parametrize(
    ("limits", "memory", "connections"),
    [
        pytest.param(LIMITS, 256 * MIB, 128, id="webhooks in the Deployment that is generated"),
        pytest.param(LIMITS, 8192 * MIB, 512, id="webhooks with much memory"),
        pytest.param(ConnectionLimits(), 256 * MIB, 64, id="metrics in that Deployment"),
        pytest.param(ConnectionLimits(), None, 128, id="no limit"),
        pytest.param(ConnectionLimits(), 1, 8, id="next to nothing"),
    ],
)
def test_connections_take_a_part_of_the_memory(
    limits: ConnectionLimits, memory: int | None, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor, "memory_limit", lambda: memory)
    monkeypatch.setattr(acceptor, "_open_files", lambda: 10**6)
    assert limits.bounded_connections() == connections


def test_connections_take_a_part_of_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "memory_limit", lambda: None)
    monkeypatch.setattr(acceptor, "_open_files", lambda: 100)
    assert ConnectionLimits().bounded_connections() == 20
