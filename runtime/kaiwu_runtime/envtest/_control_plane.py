"""A Kubernetes control plane for tests: etcd, kube-apiserver and, optionally, kube-controller-manager."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaiwu_runtime.envtest import _flags as flags
from kaiwu_runtime.envtest._binaries import API_SERVER, CONTROLLER_MANAGER, ETCD, Binaries, locate
from kaiwu_runtime.envtest._certificates import CertificateAuthority, KeyPair
from kaiwu_runtime.envtest._crds import install_crds
from kaiwu_runtime.envtest._directories import make_private
from kaiwu_runtime.envtest._kubeconfig import kubeconfig, write_kubeconfig
from kaiwu_runtime.envtest._permissions import grant
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

_PORT_ATTEMPTS = 5
_TOKEN_SECONDS = 24 * 3600  # longer than a debugger is left open


class ControlPlane:
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
        """Kubeconfig file of a user who may do everything (group ``system:masters``)."""
        return self.directory / "kubeconfig"

    @property
    def rest(self) -> RestClient:
        """Plain requests as that user."""
        if self._rest is None:
            raise ControlPlaneError("the control plane does not run; call start() first")
        return self._rest

    def log(self, program: str) -> Path:
        """Return the log file of ``etcd``, ``kube-apiserver`` or ``kube-controller-manager``."""
        return self.directory / "logs" / f"{program}.log"

    # Users and objects

    def add_user(self, name: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig for a user known by a client certificate; RBAC decides what the user may do.

        Args:
            name: User name, as RoleBindings name it.
            groups: Groups the user is in.
        """
        return self._write_user(name, self._authority.client(name, groups))

    def service_account_token(
        self, name: str, namespace: str = "default", *, audiences: Sequence[str] = (), seconds: int = 3600
    ) -> str:
        """Return a token of a service account, which is created when it does not exist.

        Args:
            name: Name of the service account.
            namespace: Its namespace, which must exist.
            audiences: Audiences of the token; default: the API server.
            seconds: Lifetime; the API server accepts 600 and above.

        Raises:
            APIStatusError: The API server refused.
        """
        accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}
        self.rest.apply(accounts, account)
        return self._token(name, namespace, audiences, seconds)

    def service_account_kubeconfig(self, name: str, namespace: str = "default") -> Path:
        """Return a kubeconfig for a service account, which is created when it does not exist."""
        token = self.service_account_token(name, namespace)
        return self._write_user(f"{namespace}-{name}", token)

    def as_service_account(self, path: str | Path, *, namespace: str = "", name: str = "") -> Path:
        """Return a kubeconfig for the service account of a project, with the roles it is deployed with.

        Applies the ServiceAccount, the Roles, ClusterRoles and bindings of a kustomization that are about it, as
        ``make deploy`` does, and waits until the API server grants them. So a test runs an operator with exactly the
        permissions that its manifests declare.

        Args:
            path: Folder of the kustomization, for example ``config/rbac``, or a YAML file.
            namespace: Namespace of the operator, which takes the place of the one in the manifests (``system``);
                default a new one. It is also the namespace of the kubeconfig's context.
            name: Name of the ServiceAccount; needed only when the manifests have several.

        Raises:
            ControlPlaneError: The manifests cannot be read, or a binding refers to a role that does not exist.
            APIStatusError: The API server refused.
        """
        where = namespace or self.create_namespace("operator-")
        account = grant(self.rest, Path(path), namespace=where, account=name)
        token = self._token(account.name, account.namespace, (), _TOKEN_SECONDS)
        return self._write_user(f"{account.namespace}-{account.name}", token, account.namespace)

    def create_namespace(self, prefix: str = "test-") -> str:
        """Create a namespace with a new unique name and return the name."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": prefix}}
        return str(self.rest.object("POST", "/api/v1/namespaces", body)["metadata"]["name"])

    def delete_namespace(self, name: str) -> None:
        """Request the deletion of a namespace; only the controller manager empties and removes it."""
        self.rest.object("DELETE", f"/api/v1/namespaces/{name}")

    def install_crds(self, *paths: str | Path, timeout: float = 30.0) -> list[str]:
        """Install the CustomResourceDefinitions of files and directories and wait until they are served.

        Args:
            paths: YAML files, or directories whose ``*.yaml`` and ``*.yml`` files are read.
            timeout: Seconds to wait for all of them.

        Returns:
            The names of the definitions, for example ``kaiwuclusters.kaiwu.inspur.com``.

        Raises:
            ControlPlaneError: A path has no definition, or a definition is not served in time.
            APIStatusError: The API server refused one.
        """
        return install_crds(self.rest, [Path(path) for path in paths], timeout=timeout)

    # Faults

    def stop_apiserver(self) -> None:
        """Stop kube-apiserver the orderly way (SIGTERM): watches end cleanly."""
        self._running().stop(API_SERVER)

    def kill_apiserver(self) -> None:
        """Kill kube-apiserver (SIGKILL): connections break in the middle of whatever they carried."""
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
        """Let a frozen program go on."""
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

    def _token(self, name: str, namespace: str, audiences: Sequence[str], seconds: int) -> str:
        spec = {"audiences": list(audiences), "expirationSeconds": seconds}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        return str(self.rest.object("POST", path, request)["status"]["token"])

    def _config(self, credentials: KeyPair | str, user: str, namespace: str = "default") -> dict[str, Any]:
        authority = self._authority.certificate
        return kubeconfig(self.url, authority, credentials=credentials, user=user, namespace=namespace)

    def _write_user(self, user: str, credentials: KeyPair | str, namespace: str = "default") -> Path:
        folder = self.directory / "users"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / f"{user.replace('/', '_')}.kubeconfig"
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
