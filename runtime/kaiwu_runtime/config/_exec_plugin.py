"""Credentials printed by a command: client-go credential plugins, ``client.authentication.k8s.io`` v1 and v1beta1.

See https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime._error_text import one_line
from kaiwu_runtime.config._exec_credentials import ExecStatus, shared_credentials
from kaiwu_runtime.config._exec_process import run_plugin
from kaiwu_runtime.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from kaiwu_runtime.config._kubeconfig import ClusterEntry, ExecEntry
    from kaiwu_runtime.config._tls import ClientCertificate

GROUP = "client.authentication.k8s.io"
API_VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
_POLL_SECONDS = 0.05
SECONDS = 60.0
LOGIN_SECONDS = 300.0

logger = logging.getLogger("kaiwu_runtime.config.exec_plugin")


class _ExecCredential(msgspec.Struct):
    api_version: str = msgspec.field(name="apiVersion")
    kind: str
    status: ExecStatus | None = None


class ExecAuthentication:
    """Run a command for a token, a client certificate or both, and again when they expire or are rejected.

    The command runs once for all requests and clients of this process that need the same credentials. A cancelled
    request does not stop it, so that a slow login is not started again and again.

    Args:
        entry: ``user.exec`` of the kubeconfig.
        cluster: The cluster of the credentials; passed to the plugin if it requests it.
        folder: Folder of the kubeconfig file; a command with a slash in it is relative to it.
        timeout: Seconds the command may take. Default: 60 when it is not interactive (``Never``), else
            300, in which a person can log in.

    Raises:
        ConfigurationError: The entry asks for a version or a mode that does not exist.
    """

    def __init__(self, entry: ExecEntry, cluster: ClusterEntry, folder: Path, *, timeout: float | None = None) -> None:
        if not entry.command.isprintable() or not entry.command:
            raise ConfigurationError(f"exec plugin: invalid command {entry.command!r:.100}")
        if entry.api_version not in API_VERSIONS:
            raise ConfigurationError(
                f"exec plugin {entry.command}: apiVersion {entry.api_version!r} is not one of {', '.join(API_VERSIONS)}"
            )
        if entry.interactive_mode not in {None, "", "Never", "IfAvailable", "Always"}:
            raise ConfigurationError(
                f"exec plugin {entry.command}: interactiveMode {entry.interactive_mode!r} is not one of "
                "Never, IfAvailable, Always"
            )
        self._entry = entry
        self._cluster = cluster
        self._folder = folder
        self._timeout = timeout or (SECONDS if entry.interactive_mode == "Never" else LOGIN_SECONDS)
        # Not as JSON, which cannot hold a folder whose name is not UTF-8.
        self._credentials = shared_credentials(repr((entry, cluster, str(folder))).encode())
        self._running: asyncio.Task[None] | None = None

    @property
    def certificate(self) -> ClientCertificate | None:
        """The client certificate that was printed, or None."""
        return self._credentials.certificate

    @property
    def source(self) -> object:
        """Identity of the plugin: the command, and its input."""
        return self._entry, self._cluster, self._folder

    def authorization(self) -> str | None:
        """Return the header, or None when the command has to run first."""
        return self._credentials.current

    async def renew(self, *, rejected: bool) -> bool:
        """Run the command, once for all requests that wait.

        Raises:
            CredentialsError: The command is missing, fails, or prints no credentials.
        """
        found = self._credentials
        before = (found.header, found.certificate)
        if self._running is None or self._running.get_loop() is not asyncio.get_running_loop():
            self._running = asyncio.create_task(self._obtain(rejected=rejected), name=f"exec {self._entry.command}")
            self._running.add_done_callback(self._ended)
        await asyncio.shield(self._running)
        return not rejected or (found.header, found.certificate) != before

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._running is task:
            self._running = None
        if not task.cancelled():
            task.exception()  # all requests that waited for it may have ended

    async def _obtain(self, *, rejected: bool) -> None:
        found = self._credentials
        runs = found.runs
        while not found.running.acquire(blocking=False):  # noqa: ASYNC110 - it may be a client in another thread
            await asyncio.sleep(_POLL_SECONDS)
        try:
            if found.runs == runs:
                found.accept(await self._run())
        except Exception as error:
            if not rejected and found.keep(error):
                return
            if isinstance(error, CredentialsError):
                raise
            # Whatever it is, it must not end the task that sends a request.
            said = one_line(error)
            if not isinstance(error, ConfigurationError):
                said = f"{type(error).__name__}: {said}"
            raise CredentialsError(f"exec plugin {self._entry.command}: {said}") from error
        finally:
            found.running.release()

    async def _run(self) -> ExecStatus:
        command = self._command()
        interactive = self._interactive()
        env = {**os.environ, **{item.name: item.value for item in self._entry.env or []}}
        env["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(self._exec_info(interactive)).decode()
        try:
            result = await run_plugin(
                (command, *(self._entry.args or [])), env, interactive=interactive, seconds=self._timeout
            )
        except CredentialsError as error:
            raise CredentialsError(f"{error}{self._hint()}") from error
        if result.status != 0:
            said = "see the terminal" if result.complaint is None else result.complaint or "it said nothing"
            raise CredentialsError(f"exec plugin {command}: exit status {result.status}: {said}{self._hint()}")
        return self._parse(command, result.output)

    def _parse(self, command: str, output: bytes) -> ExecStatus:
        try:
            credential = msgspec.json.decode(output, type=_ExecCredential)
        except (UnicodeDecodeError, RecursionError) as error:
            said = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "nested too deeply"
            raise CredentialsError(f"exec plugin {command}: printed no ExecCredential: {said}") from error
        except msgspec.MsgspecError as error:
            # The output itself is left out: it may hold a secret.
            raise CredentialsError(f"exec plugin {command}: printed no ExecCredential: {error}") from error
        if credential.kind != "ExecCredential" or credential.api_version != self._entry.api_version:
            printed = " ".join(f"{credential.kind} {credential.api_version}".split())
            raise CredentialsError(
                f"exec plugin {command}: printed {printed:.160}, wanted ExecCredential {self._entry.api_version}"
            )
        status = credential.status
        if status is None or not (status.token or status.certificate):
            raise CredentialsError(f"exec plugin {command}: printed neither a token nor a client certificate")
        if not (status.token.isascii() and status.token.isprintable()):
            raise CredentialsError(f"exec plugin {command}: printed a token that no HTTP header can hold")
        if bool(status.certificate) != bool(status.key):
            raise CredentialsError(f"exec plugin {command}: a client certificate needs its key, and a key its chain")
        return status

    def _command(self) -> str:
        name = self._entry.command
        if "/" in name:
            return str(self._folder / name)
        found = shutil.which(name)
        if found is None:
            raise CredentialsError(f"exec plugin {name}: not found on PATH{self._hint()}")
        return found

    def _hint(self) -> str:
        return f". {' '.join(self._entry.install_hint.split())}" if self._entry.install_hint else ""

    def _interactive(self) -> bool:
        mode = self._entry.interactive_mode or "IfAvailable"
        terminal = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not terminal:
            raise CredentialsError(
                f"exec plugin {self._entry.command}: wants a terminal (interactiveMode: Always), and there is none"
            )
        return terminal and mode != "Never"

    def _exec_info(self, interactive: bool) -> dict[str, Any]:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._entry.provide_cluster_info:
            cluster = self._cluster
            info: dict[str, Any] = {"server": cluster.server}
            if cluster.tls_server_name:
                info["tls-server-name"] = cluster.tls_server_name
            if cluster.insecure:
                info["insecure-skip-tls-verify"] = True
            if cluster.certificate_auth_data:
                info["certificate-authority-data"] = cluster.certificate_auth_data
            elif cluster.certificate_auth:
                authority = Path(cluster.certificate_auth).read_bytes()
                info["certificate-authority-data"] = base64.b64encode(authority).decode("ascii")
            if cluster.proxy_url:
                info["proxy-url"] = cluster.proxy_url
            for extension in cluster.extensions or []:
                if extension.name == f"{GROUP}/exec":
                    info["config"] = extension.extension
            spec["cluster"] = info
        return {"apiVersion": self._entry.api_version, "kind": "ExecCredential", "spec": spec}
