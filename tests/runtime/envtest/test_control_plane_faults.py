"""A control plane with faults: programs that are stopped, killed or frozen, ports that are taken, failed starts."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import Binaries, ControlPlane
from kaiwu_runtime.envtest import _base_control_plane as module
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.envtest._rest import RestClient
from kaiwu_runtime.errors import APIConnectionError, APIStatusError, ControlPlaneError

from .conftest import pretend, write_program

pytestmark = pytest.mark.envtest


@pytest.fixture
def faulty(real_binaries: Binaries, home: Path) -> Iterator[ControlPlane]:
    """A control plane that a test may break."""
    with ControlPlane(binaries=real_binaries, directory=home / "plane") as running:
        yield running


def test_the_api_server_comes_back_on_its_port(faulty: ControlPlane) -> None:
    url = faulty.url
    name = faulty.create_namespace()
    for end in (faulty.kill_apiserver, faulty.stop_apiserver):
        end()
        with pytest.raises(APIConnectionError):
            faulty.rest.request("GET", "/readyz")
        faulty.start_apiserver()
        assert faulty.url == url
        assert faulty.rest.object("GET", f"/api/v1/namespaces/{name}")["metadata"]["name"] == name
    with pytest.raises(ControlPlaneError, match="kube-apiserver runs already"):
        faulty.start_apiserver()


def test_a_paused_api_server_does_not_answer(faulty: ControlPlane) -> None:
    pki = faulty.directory / "pki"
    hasty = RestClient(
        int(faulty.url.rpartition(":")[2]),
        ca_bundle=pki / "ca.crt",
        certificate=pki / "admin.pem",
        timeout=0.5,
    )
    faulty.pause()
    with pytest.raises(APIConnectionError, match="timed out"):
        hasty.request("GET", "/readyz")
    faulty.resume()
    assert faulty.rest.request("GET", "/readyz")[0] == 200


def test_compaction_makes_an_old_list_gone(faulty: ControlPlane) -> None:
    for number in range(3):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}"}}
        faulty.rest.object("POST", "/api/v1/namespaces/default/configmaps", body)
    path = "/api/v1/namespaces/default/configmaps?limit=1"
    page = faulty.rest.object("GET", path)
    token = page["metadata"]["continue"]
    faulty.rest.object("DELETE", "/api/v1/namespaces/default/configmaps/c2")
    assert faulty.compact_etcd() > 0
    faulty.kill_apiserver()  # its watch cache would still serve the old version
    faulty.start_apiserver()
    with pytest.raises(APIStatusError) as caught:
        faulty.rest.object("GET", f"{path}&continue={token}")
    assert caught.value.code == 410


def test_a_port_that_is_taken_is_replaced(real_binaries: Binaries, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        # First the API server's port is taken, then etcd's.
        ports = iter([busy, free_port(), free_port(), busy])
        monkeypatch.setattr(module, "free_port", lambda: next(ports, None) or free_port())
        with ControlPlane(binaries=real_binaries, directory=home / "plane") as plane:
            assert not plane.url.endswith(f":{busy}")
            assert plane.rest.request("GET", "/readyz")[0] == 200
        assert next(ports, None) is None


def test_when_every_port_is_taken(real_binaries: Binaries, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(module, "free_port", lambda: taken.getsockname()[1])
        with pytest.raises(ControlPlaneError, match="every port that was tried"):
            ControlPlane(binaries=real_binaries, directory=home / "plane").start()
    assert list(home.iterdir()) == []


def test_a_failed_start_shows_the_end_of_the_log(real_binaries: Binaries, home: Path) -> None:
    plane = ControlPlane(binaries=real_binaries, directory=home / "plane", api_server_flags=["--no-such-flag"])
    with pytest.raises(
        ControlPlaneError, match=r"kube-apiserver ended while starting \(exit status 1\)\n[\s\S]*no-such-flag"
    ):
        plane.start()
    assert list(home.iterdir()) == []
    with pytest.raises(ControlPlaneError, match="does not run; call start"):
        plane.url  # noqa: B018 - the property raises


def test_a_program_that_is_never_ready_is_given_up(real_binaries: Binaries, home: Path, tmp_path: Path) -> None:
    sleeper = write_program(tmp_path / "kube-apiserver", "echo still thinking; exec sleep 600")
    binaries = Binaries(real_binaries.etcd, sleeper, None, "1.0.0", "a test")
    plane = ControlPlane(binaries=binaries, directory=home / "plane", start_timeout=0.5)
    with pytest.raises(ControlPlaneError, match=r"kube-apiserver is not ready after 0\.5 s\n[\s\S]*still thinking"):
        plane.start()
    assert list(home.iterdir()) == []


def test_a_program_that_cannot_be_executed(home: Path, tmp_path: Path) -> None:
    programs = pretend(tmp_path / "programs")
    (programs / "etcd").write_bytes(b"\x7fELF")
    binaries = Binaries(programs / "etcd", programs / "kube-apiserver", None, "1.0.0", "a test")
    with pytest.raises(ControlPlaneError, match=r"cannot start etcd \(.*/etcd\): .*Exec format error"):
        ControlPlane(binaries=binaries, directory=home / "plane").start()
    assert list(home.iterdir()) == []


def test_a_directory_in_use_is_not_taken(real_binaries: Binaries, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(ControlPlaneError, match="is not empty; name another directory"):
        ControlPlane(binaries=real_binaries, directory=tmp_path).start()
    assert (tmp_path / "precious").read_text() == "data"
