"""A Kubernetes control plane for tests: etcd, kube-apiserver and, optionally, kube-controller-manager."""

from __future__ import annotations

from pathlib import Path

from kaiwu_runtime.envtest._crds import install_crds
from kaiwu_runtime.envtest._faults import Faults
from kaiwu_runtime.envtest._users import Users
from kaiwu_runtime.envtest._webhooks import WebhookInstallation, read_webhook_configurations


class ControlPlane(Users, Faults):
    """Run etcd and kube-apiserver on free ports of loopback; several control planes can run at once.

    A context manager. :meth:`stop` stops all programs, and so does the end of this process, however it ends.

    Args:
        controller_manager: Also run kube-controller-manager: namespaces are then really deleted, owned
            objects garbage-collected, Deployments turned into ReplicaSets and Pods (which are never run).
        version: Kubernetes version such as ``1.37``; default the one found.
        binaries: The programs; default what :func:`~kaiwu_runtime.envtest.locate` finds.
        api_server_flags: Flags appended to kube-apiserver's command line.
        start_timeout: Maximum seconds to wait until the control plane is ready.
        directory: An empty or missing directory to work in, closed to other users and removed at the end;
            default a new temporary one.

    Raises:
        ControlPlaneError: From :meth:`start`, when the programs are missing or do not get ready; the message
            has the end of their logs.
    """

    def install_crds(self, *paths: str | Path, timeout: float = 30.0) -> list[str]:
        """Install the CustomResourceDefinitions of files and directories and wait until they are served.

        Args:
            paths: YAML files, or directories whose ``*.yaml`` and ``*.yml`` files are read.
            timeout: Seconds to wait for all of them.

        Returns:
            The names of the definitions, for example ``kaiwuclusters.kaiwu.inspur.com``.

        Raises:
            ControlPlaneError: A path has no definition, or a definition is not served in time.
            APIStatusError: The API server rejected one.
        """
        return install_crds(self.rest, [Path(path) for path in paths], timeout=timeout)

    def install_webhooks(
        self, *paths: str | Path, host: str = "127.0.0.1", port: int = 0, timeout: float = 30.0
    ) -> WebhookInstallation:
        """Let the API server call webhooks that a manager serves on this machine, and wait until it does.

        The Service in each ``clientConfig`` is replaced by a URL and a certificate authority; also in the conversion of
        the CRDs that are installed. Start a manager with the options that the result has::

            with control_plane.install_webhooks("config/webhook") as webhooks:
                manager = Manager(ManagerOptions(kubeconfig=..., **webhooks.manager_options()))

        Args:
            paths: YAML files, or directories whose ``*.yaml`` and ``*.yml`` files are read; documents that are not
                webhook configurations are passed over.
            host: Address that the manager serves on.
            port: Port that the manager serves on; 0 takes a free one.
            timeout: Seconds to wait for all of them.

        Returns:
            The installation, a context manager that removes the configurations at its end.

        Raises:
            ControlPlaneError: A path cannot be read, or a configuration is not applied in time.
            APIStatusError: The API server rejected one.
        """
        documents = read_webhook_configurations([Path(path) for path in paths])
        installation = WebhookInstallation(self.rest, self.directory, host, port)
        installation.install(documents, timeout)
        return installation
