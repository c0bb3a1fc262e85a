"""Command lines of the programs of a control plane.

See https://etcd.io/docs/latest/op-guide/configuration/ and
https://kubernetes.io/docs/reference/command-line-tools-reference/
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from kaiwu_runtime.envtest import _namespaces

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kaiwu_runtime.envtest._binaries import Binaries

SERVICE_RANGE = "10.0.0.0/24"
API_SERVER_NAMES = (
    "127.0.0.1",
    "localhost",
    "10.0.0.1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)


def etcd(binaries: Binaries, directory: Path, port: int) -> list[str]:
    """Return etcd's command line.

    Only holders of the control plane's etcd certificate are served, on the client port and on the peer port:
    any other user of the machine could otherwise read and write every object past the API server. A single
    member has no peers, but etcd listens for them all the same, and whatever it accepts there is written
    like a change of the cluster's own. Nothing is synced to disk, the data live as long as the test.
    """
    pki, client, peer = directory / "pki", f"https://127.0.0.1:{port}", "https://127.0.0.1:0"
    return [
        str(binaries.etcd),
        f"--data-dir={directory / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--cert-file={pki / 'etcd.crt'}",
        f"--key-file={pki / 'etcd.key'}",
        f"--trusted-ca-file={pki / 'etcd-ca.crt'}",
        "--client-cert-auth",
        f"--peer-cert-file={pki / 'etcd.crt'}",
        f"--peer-key-file={pki / 'etcd.key'}",
        f"--peer-trusted-ca-file={pki / 'etcd-ca.crt'}",
        "--peer-client-cert-auth",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(
    binaries: Binaries,
    directory: Path,
    port: int,
    etcd_port: int,
    *,
    service_accounts: bool,
    extra: Sequence[str],
) -> list[str]:
    """Return kube-apiserver's command line.

    Args:
        binaries: The programs.
        directory: Directory of the control plane.
        port: Port to serve on.
        etcd_port: Port etcd serves on.
        service_accounts: Whether pods need a service account. Without the controller manager nothing creates
            the ``default`` account of a namespace, and the admission plugin would reject every pod.
        extra: Flags appended last, so that they win.
    """
    pki = directory / "pki"
    return [
        str(binaries.api_server),
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--etcd-servers=https://127.0.0.1:{etcd_port}",
        f"--etcd-cafile={pki / 'etcd-ca.crt'}",
        f"--etcd-certfile={pki / 'etcd.crt'}",
        f"--etcd-keyfile={pki / 'etcd.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--cert-dir={pki}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        # There are no nodes that could reach this server under a service address.
        "--endpoint-reconciler-type=none",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--v=1",
        *([] if service_accounts else ["--disable-admission-plugins=ServiceAccount"]),
        *extra,
    ]


def controller_manager(binaries: Binaries, directory: Path, kubeconfig: Path) -> list[str]:
    """Return kube-controller-manager's command line; it serves no port of its own."""
    pki = directory / "pki"
    return [
        str(binaries.controller_manager),
        f"--kubeconfig={kubeconfig}",
        "--secure-port=0",
        "--leader-elect=false",
        # With the default of 20 requests a second it takes 5 seconds to start all controllers.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
    ]


def namespaces(directory: Path, port: int) -> list[str]:
    """Return the command line of what empties deleted namespaces: Python without installed packages."""
    return [sys.executable, "-I", "-S", _namespaces.__file__, str(port), str(directory / "pki")]
