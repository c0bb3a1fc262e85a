"""Faults of a control plane: programs that are stopped, killed or frozen, and an etcd without history."""

from __future__ import annotations

import signal

from kaiwu_runtime.envtest._base_control_plane import BaseControlPlane
from kaiwu_runtime.envtest._binaries import API_SERVER
from kaiwu_runtime.envtest._readiness import PortTakenError
from kaiwu_runtime.envtest._rest import RestClient
from kaiwu_runtime.errors import ControlPlaneError


class Faults(BaseControlPlane):
    """Injects faults into a control plane."""

    def stop_apiserver(self) -> None:
        """Stop kube-apiserver with SIGTERM: watches end cleanly."""
        self._running().stop(API_SERVER)

    def kill_apiserver(self) -> None:
        """Kill kube-apiserver with SIGKILL: connections break, also in the middle of a response."""
        self._running().stop(API_SERVER, number=signal.SIGKILL)

    def start_apiserver(self) -> None:
        """Start kube-apiserver again on the port it had, and return when it is ready."""
        self._launch_api_server()
        try:
            self._wait_until_ready()
        except PortTakenError as error:
            raise ControlPlaneError(f"port {self._port} was taken by another process meanwhile") from error

    def pause(self, program: str = API_SERVER) -> None:
        """Freeze a program (SIGSTOP): connections stay open and nothing answers."""
        self._running().signal(program, signal.SIGSTOP)

    def resume(self, program: str = API_SERVER) -> None:
        """Resume a frozen program (SIGCONT)."""
        self._running().signal(program, signal.SIGCONT)

    def compact_etcd(self) -> int:
        """Drop the history of etcd up to now, and return the revision.

        Lists that continue, and watches that start, at an older resourceVersion are then answered with 410
        Gone; the API server's watch cache still serves recent ones until it is restarted.
        """
        pki = self.directory / "pki"
        client = RestClient(self._etcd_port, ca_bundle=pki / "etcd-ca.crt", certificate=pki / "etcd.pem")
        revision = int(client.object("POST", "/v3/kv/range", {"key": "AA=="})["header"]["revision"])
        client.object("POST", "/v3/kv/compaction", {"revision": revision, "physical": True})
        return revision
