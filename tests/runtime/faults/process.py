"""The operator beside this file as a process: its credentials, its start, its cache and memory, its end."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing._fault_proxy._http_proxy import HTTPFaultProxy

ROOT = Path(__file__).resolve().parents[3]


class TokenFile:
    """A service account's token in a file, as a pod has one, and kubeconfigs that point to it.

    Args:
        plane: Issues the tokens.
        folder: For the files.
    """

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self._plane = plane
        self._folder = folder
        self.path = folder / "token"
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "faults-operator"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": "default"}],
        }
        plane.rest.apply("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
        self.rotate()

    def rotate(self) -> str:
        """Put a new token in the file, as the kubelet does, and return the old one."""
        old = self.path.read_text(encoding="ascii") if self.path.exists() else ""
        new = self.path.with_suffix(".new")
        new.write_text(self._plane.service_account_token("operator"), encoding="ascii")
        new.replace(self.path)
        return old

    def kubeconfig(self, proxy: HTTPFaultProxy | None) -> Path:
        """Return a kubeconfig for the proxy, or for the API server itself."""
        config = yaml.safe_load(self._plane.kubeconfig.read_text(encoding="utf-8"))
        if proxy is not None:
            authority = base64.b64encode(proxy.authority).decode()
            config["clusters"][0]["cluster"] = {"server": proxy.url, "certificate-authority-data": authority}
        config["users"][0]["user"] = {"tokenFile": str(self.path)}
        path = self._folder / "operator.kubeconfig"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path


class OperatorProcess:
    """A running operator.

    Args:
        folder: For its log and the file with its debug port.
        kubeconfig: How it reaches the API server.
        namespace: What it watches.
        environment: In addition to this process's.
    """

    def __init__(self, folder: Path, kubeconfig: Path, namespace: str, environment: Mapping[str, str]) -> None:
        self.log = folder / "operator.log"
        self._port = folder / "debug-port"
        self._port.unlink(missing_ok=True)
        with self.log.open("wb") as output:
            # As a module and from the root: with its own folder on the path, operator.py would hide Python's.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.runtime.faults.operator", f"--namespace={namespace}"],
                cwd=ROOT,
                env={
                    **os.environ,
                    **environment,
                    "KUBECONFIG": str(kubeconfig),
                    "FAULTS_PORT_FILE": str(self._port),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    async def ready(self, seconds: float = 30.0) -> None:
        """Return when its caches are synced."""
        deadline = time.monotonic() + seconds
        while not self._port.exists():
            assert self.exit_status is None, f"the operator ended\n{self.tail()}"
            assert time.monotonic() < deadline, f"the operator is not ready\n{self.tail()}"
            await asyncio.sleep(0.05)

    async def state(self) -> dict[str, Any]:
        """Return what its cache holds, how much it has reconciled and what time it has."""
        assert self.exit_status is None, f"the operator ended\n{self.tail()}"
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self._port.read_text(encoding="ascii")))
        try:
            state: dict[str, Any] = json.loads(await asyncio.wait_for(reader.read(), 20))
        finally:
            writer.close()
        return state

    def rss_mib(self) -> float:
        """Return its resident memory; NaN where there is no /proc, or the process has ended."""
        try:
            text = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        except OSError:
            return float("nan")
        _, found, rest = text.partition("VmRSS:")
        return int(rest.split()[0]) / 1024 if found else float("nan")

    def stop(self) -> None:
        """End it, by force if need be."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tail(self, lines: int = 12) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
