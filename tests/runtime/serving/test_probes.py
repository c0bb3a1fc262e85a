"""/healthz and /readyz."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.serving import _probes as probes_module
from kaiwu_runtime.serving._probes import Probes


@pytest.fixture
async def probes() -> AsyncIterator[Probes]:
    served = Probes("127.0.0.1", 0)
    await served.start()
    yield served
    await served.stop()


async def get(probes: Probes, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{probes.port}{path}") as answer:
        return answer.status, await answer.text()


async def test_all_is_well(probes: Probes) -> None:
    assert await get(probes, "/healthz") == (200, "ok")
    assert await get(probes, "/readyz") == (200, "ok")
    assert await get(probes, "/readyz/") == (200, "ok")
    assert await get(probes, "/other") == (404, "404: Not Found")


async def test_a_failing_check_is_named_and_the_others_too(probes: Probes) -> None:
    def fails() -> None:
        raise RuntimeError("no database")

    async def awaits() -> None:
        return None

    probes.add_readyz_check("database", fails)
    probes.add_readyz_check("queue", awaits)
    status, text = await get(probes, "/readyz")
    assert status == 500
    assert text.splitlines() == ["[+]ping ok", "[-]database failed: no database", "[+]queue ok", "readyz check failed"]
    assert await get(probes, "/healthz") == (200, "ok")


async def test_a_failing_check_is_logged_once_in_a_while(
    probes: Probes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise RuntimeError("no database")

    def logged() -> list[str]:
        return [record.__dict__["probe"] for record in caplog.records if record.message == "A probe fails"]

    monkeypatch.setattr(probes_module, "LOG_SECONDS", 1e9)
    for name in ("database", "queue"):
        probes.add_readyz_check(name, fails)
        probes.add_healthz_check(name, fails)
    with caplog.at_level("INFO"):
        for _ in range(3):
            for path in ("/readyz/database", "/readyz", "/readyz?exclude=queue", "/healthz"):
                assert (await get(probes, path))[0] == 500
        assert logged() == ["readyz", "readyz", "healthz"], "the second one has another check"
        monkeypatch.setattr(probes_module, "LOG_SECONDS", 0.0)
        await get(probes, "/readyz")
    assert logged() == ["readyz", "readyz", "healthz", "readyz"]


async def test_one_check_alone(probes: Probes) -> None:
    def fails() -> None:
        raise RuntimeError("no")

    probes.add_healthz_check("bad", fails)
    assert (await get(probes, "/healthz/ping"))[0] == 200
    assert (await get(probes, "/healthz/bad"))[0] == 500
    assert (await get(probes, "/healthz/unknown"))[0] == 404


async def test_verbose_has_a_line_for_each(probes: Probes) -> None:
    assert await get(probes, "/healthz?verbose") == (200, "[+]ping ok\nhealthz check passed\n")


async def test_a_taken_port_is_one_line(probes: Probes) -> None:
    other = Probes("127.0.0.1", probes.port)
    with pytest.raises(ConfigurationError, match=r"--health-probe-bind-address 127\.0\.0\.1:\d+: .*use another, or 0"):
        await other.start()
    with socket.create_connection(("127.0.0.1", probes.port)):
        pass


@pytest.mark.parametrize(
    ("query", "status", "lines"),
    [
        ("?exclude=bad", 200, ["ok"]),
        ("?exclude=bad&verbose", 200, ["[+]ping ok", "[+]bad excluded: ok", "[+]good ok"]),
        ("?exclude=good", 500, ["[-]bad failed: no", "[+]good excluded: ok"]),
        ("?exclude=bad&exclude=good&verbose", 200, ["[+]bad excluded: ok", "[+]good excluded: ok"]),
        ("?exclude=other", 500, ["[-]bad failed: no", "no matches for 'other'"]),
        ("/bad?exclude=bad", 500, ["[-]bad failed: no"]),
    ],
)
async def test_checks_can_be_left_out(probes: Probes, query: str, status: int, lines: list[str]) -> None:
    def bad() -> None:
        raise ValueError("no")

    probes.add_readyz_check("bad", bad)
    probes.add_readyz_check("good", lambda: None)
    found, text = await get(probes, f"/readyz{query}")
    assert found == status
    for line in lines:
        assert line in text
