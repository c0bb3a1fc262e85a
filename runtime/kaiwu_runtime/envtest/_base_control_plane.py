"""The programs of a control plane: started on free ports, waited for, and stopped."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaiwu_runtime.envtest import _flags as flags
from kaiwu_runtime.envtest._binaries import API_SERVER, CONTROLLER_MANAGER, ETCD, Binaries, locate
from kaiwu_runtime.envtest._certificates import CertificateAuthority, KeyPair
from kaiwu_runtime.envtest._directories import make_private
from kaiwu_runtime.envtest._kubeconfig import kubeconfig, write_kubeconfig
from kaiwu_runtime.envtest._pki import write_pki
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.envtest._processes import Processes
from kaiwu_runtime.envtest._readiness import PortTakenError, wait_until
from kaiwu_runtime.envtest._rest import RestClient
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

NAMESPACES = "namespaces"
_PORT_ATTEMPTS = 5


class BaseControlPlane:
    """Starts and stops etcd and kube-apiserver; :class:`~kaiwu_runtime.envtest.ControlPlane` adds users and faults."""

    def __init__(
        self,
        *,
        controller_manager: bool = False,
        version: str | None = None,
        binaries: Binaries | None = None,
        api_server_flags: Sequence[str] = (),
        start_timeout: float = 60.0,
        directory: Path | None = None,
    ) -> None:
        self._with_manager = controller_manager
        self._version = version
        self._binaries = binaries
        if isinstance(api_server_flags, str):
            raise ControlPlaneError(
                f"api_server_flags={api_server_flags!r} is a string: write "
                f"api_server_flags={api_server_flags.split()!r}"
            )
        self._api_server_flags = tuple(api_server_flags)
        self._start_timeout = start_timeout
        self._wanted_directory = directory
        self._processes: Processes | None = None
        self._directory: Path | None = None
        self._authority = CertificateAuthority()
        self._rest: RestClient | None = None
        self._port = self._etcd_port = 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Life

    def start(self) -> Self:
        """Start the programs and return when the API server is ready; does nothing when it runs already."""
        if self._processes is not None:
            return self
        for _ in range(_PORT_ATTEMPTS):
            try:
                self._start_once(self.binaries)
            except PortTakenError:
                self.stop()
            except BaseException:
                self.stop()
                raise
            else:
                return self
        raise ControlPlaneError(f"every port that was tried ({_PORT_ATTEMPTS}) was taken by another process; try again")

    def stop(self) -> None:
        """End the programs and remove their data; safe to call twice."""
        processes, directory = self._processes, self._directory
        self._processes = self._directory = self._rest = None
        if processes is not None:
            processes.end()
        elif directory is not None:
            shutil.rmtree(directory, ignore_errors=True)

    def empty_deleted_namespaces(self) -> None:
        """Start the process that empties deleted namespaces; with kube-controller-manager there is no need for it."""
        if not self._with_manager:
            argv = flags.namespaces(self.directory, self._port)
            self._running().start(NAMESPACES, argv, self.log(NAMESPACES))

    def detach(self) -> int:
        """Let the control plane outlive this process, and return the id of the process to stop with SIGTERM."""
        processes = self._running()
        processes.detach()
        return processes.pid

    # What it is

    @property
    def binaries(self) -> Binaries:
        """The programs in use."""
        if self._binaries is None:
            self._binaries = locate(version=self._version, controller_manager=self._with_manager)
        return self._binaries

    @property
    def directory(self) -> Path:
        """Directory with the certificates, the kubeconfig files, the data and ``logs/``."""
        if self._directory is None:
            raise ControlPlaneError("the control plane does not run; call start() first")
        return self._directory

    @property
    def url(self) -> str:
        """Address of the API server."""
        self._running()
        return f"https://127.0.0.1:{self._port}"

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig file of an administrator (group ``system:masters``)."""
        return self.directory / "kubeconfig"

    @property
    def rest(self) -> RestClient:
        """A client for plain requests as that administrator."""
        if self._rest is None:
            raise ControlPlaneError("the control plane does not run; call start() first")
        return self._rest

    def log(self, program: str) -> Path:
        """Return the log file of ``etcd``, ``kube-apiserver`` or ``kube-controller-manager``."""
        return self.directory / "logs" / f"{program}.log"

    # Objects

    def create_namespace(self, prefix: str = "test-") -> str:
        """Create a namespace with a new unique name and return the name."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": prefix}}
        return str(self.rest.object("POST", "/api/v1/namespaces", body)["metadata"]["name"])

    def delete_namespace(self, name: str) -> None:
        """Request the deletion of a namespace; only the controller manager empties and removes it."""
        self.rest.object("DELETE", f"/api/v1/namespaces/{name}")

    # Inside

    def _running(self) -> Processes:
        if self._processes is None:
            raise ControlPlaneError("the control plane does not run; call start() first")
        return self._processes

    def _start_once(self, binaries: Binaries) -> None:
        directory = self._directory = self._make_directory()
        self._port, self._etcd_port = free_port(), free_port()
        (directory / "logs").mkdir(mode=0o700)
        admin = write_pki(directory / "pki", self._authority)
        processes = self._processes = Processes(directory)
        processes.start(ETCD, flags.etcd(binaries, directory, self._etcd_port), self.log(ETCD))
        self._launch_api_server()
        pki = directory / "pki"
        self._rest = RestClient(self._port, ca_bundle=pki / "ca.crt", certificate=pki / "admin.pem")
        self._wait_until_ready()
        write_kubeconfig(self.kubeconfig, self._config(admin, "admin"))
        if self._with_manager:
            user = "system:kube-controller-manager"
            config = self._write_user(user, self._authority.client(user))
            argv = flags.controller_manager(binaries, directory, config)
            processes.start(CONTROLLER_MANAGER, argv, self.log(CONTROLLER_MANAGER))
            self._wait_until("/api/v1/namespaces/default/serviceaccounts/default", "the controller manager")

    def _make_directory(self) -> Path:
        try:
            if self._wanted_directory is None:
                return Path(tempfile.mkdtemp(prefix="kaiwu-envtest-"))
            make_private(self._wanted_directory)
        except OSError as error:
            raise ControlPlaneError(f"cannot make a directory for the control plane: {error}") from error
        if any(self._wanted_directory.iterdir()):
            raise ControlPlaneError(f"{self._wanted_directory} is not empty; name another directory")
        return self._wanted_directory

    def _config(self, credentials: KeyPair | str, user: str, namespace: str = "default") -> dict[str, Any]:
        authority = self._authority.certificate
        return kubeconfig(self.url, authority, credentials=credentials, user=user, namespace=namespace)

    def _write_user(self, user: str, credentials: KeyPair | str, namespace: str = "default") -> Path:
        folder = self.directory / "users"
        folder.mkdir(mode=0o700, exist_ok=True)
        name = user.replace("/", "_")
        path = folder / f"{name}.kubeconfig"
        number = 1
        while path.exists():  # of a user with other groups, or whose name differs in this character
            number += 1
            path = folder / f"{name}-{number}.kubeconfig"
        write_kubeconfig(path, self._config(credentials, user, namespace))
        return path

    def _launch_api_server(self) -> None:
        argv = flags.api_server(
            self.binaries,
            self.directory,
            self._port,
            self._etcd_port,
            service_accounts=self._with_manager,
            extra=self._api_server_flags,
        )
        self._running().start(API_SERVER, argv, self.log(API_SERVER))

    def _wait_until_ready(self) -> None:
        self._wait_until("/readyz", "kube-apiserver")
        self._wait_until("/api/v1/namespaces/default", "kube-apiserver")

    def _wait_until(self, path: str, who: str) -> None:
        wait_until(self.rest, path, self._running(), self.directory / "logs", who=who, timeout=self._start_timeout)
