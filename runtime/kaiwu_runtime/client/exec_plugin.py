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
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime.client.exec_process import run_plugin
from kaiwu_runtime.client.tls import ClientCertificate, check_certificate
from kaiwu_runtime.errors import ConfigurationError, CredentialsError

if TYPE_CHECKING:
    from kaiwu_runtime.client.kubeconfig import ClusterEntry, ExecEntry

GROUP = "client.authentication.k8s.io"
API_VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
SECONDS = 60.0
LOGIN_SECONDS = 300.0

LEEWAY = timedelta(seconds=30)
SHORTEST = timedelta(seconds=1)
"""How long credentials are used at least: those that look expired may be good by the API server's clock."""

AGAIN = timedelta(seconds=5)
"""How soon the command runs again that failed while the present credentials are still good."""

logger = logging.getLogger(__name__)


class _Status(msgspec.Struct):
    token: str = ""
    certificate: str = msgspec.field(name="clientCertificateData", default="")
    key: str = msgspec.field(name="clientKeyData", default="")
    expires: datetime | None = msgspec.field(name="expirationTimestamp", default=None)


class _ExecCredential(msgspec.Struct):
    api_version: str = msgspec.field(name="apiVersion")
    kind: str
    status: _Status | None = None


class ExecAuthentication:
    """Runs a command for a token, a client certificate or both, and again when they end or are refused.

    However many requests need credentials at the same time, one process runs; a request that is cancelled meanwhile
    does not end it, so that a slow login is not started over and over again.

    Args:
        entry: ``user.exec`` of the kubeconfig.
        cluster: The cluster the credentials are for; told to the plugin if it asks.
        folder: Folder of the kubeconfig file; a command with a slash in it is relative to it.
        timeout: Seconds the command may take. Default: 60 when it can ask nobody (``interactiveMode: Never``), else
            300, in which a person can log in.

    Raises:
        ConfigurationError: The entry asks for a version or a mode that does not exist.
    """

    def __init__(self, entry: ExecEntry, cluster: ClusterEntry, folder: Path, *, timeout: float | None = None) -> None:
        if entry.apiVersion not in API_VERSIONS:
            raise ConfigurationError(
                f"exec plugin {entry.command}: apiVersion {entry.apiVersion!r} is not one of {', '.join(API_VERSIONS)}"
            )
        if entry.interactive_mode not in {None, "", "Never", "IfAvailable", "Always"}:
            raise ConfigurationError(
                f"exec plugin {entry.command}: interactiveMode {entry.interactive_mode!r} is not one of "
                "Never, IfAvailable, Always"
            )
        self.certificate: ClientCertificate | None = None
        self._entry = entry
        self._cluster = cluster
        self._folder = folder
        self._timeout = timeout or (SECONDS if entry.interactive_mode == "Never" else LOGIN_SECONDS)
        self._header: str | None = None
        self._renew_at: datetime | None = None
        self._expires: datetime | None = None
        self._running: asyncio.Task[None] | None = None

    @property
    def source(self) -> object:
        """What makes two of them the same: the command, and what it is told."""
        return self._entry, self._cluster, self._folder

    def authorization(self) -> str | None:
        """Return the header, or None when the command has to run first."""
        if self._renew_at is not None and datetime.now(UTC) >= self._renew_at:
            return None
        return self._header

    async def renew(self, *, rejected: bool) -> bool:
        """Run the command, once for all requests that wait.

        Raises:
            CredentialsError: The command is missing, fails, or prints no credentials.
        """
        before = (self._header, self.certificate)
        if self._running is None or self._running.get_loop() is not asyncio.get_running_loop():
            self._running = asyncio.create_task(self._obtain(rejected=rejected), name=f"exec {self._entry.command}")
            self._running.add_done_callback(self._ended)
        await asyncio.shield(self._running)
        return not rejected or (self._header, self.certificate) != before

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._running is task:
            self._running = None
        if not task.cancelled():
            task.exception()  # every request that waited for it may be gone

    async def _obtain(self, *, rejected: bool) -> None:
        try:
            self._accept(await self._run())
        except Exception as error:
            if not rejected and self._keep_present(error):
                return
            if isinstance(error, CredentialsError):
                raise
            # Whatever it is, it must not end what only wanted to send a request.
            raise CredentialsError(f"exec plugin {self._entry.command}: {type(error).__name__}: {error}") from error

    def _keep_present(self, error: Exception) -> bool:
        """Go on with credentials that have not expired yet; False when there are none."""
        now = datetime.now(UTC)
        if self._expires is None or now >= self._expires:
            return False
        logger.warning("Cannot renew the credentials; using the present ones", extra={"error": str(error)})
        self._renew_at = min(self._expires, now + AGAIN)
        return True

    def _accept(self, status: _Status) -> None:
        certificate = None
        if status.certificate:
            certificate = ClientCertificate(status.certificate.encode(), status.key.encode())
            try:
                check_certificate(certificate)
            except ConfigurationError as error:
                raise CredentialsError(f"exec plugin {self._entry.command}: {error}") from error
        renew_at = expires = None
        if status.expires is not None:
            expires = status.expires if status.expires.tzinfo else status.expires.replace(tzinfo=UTC)
            now = datetime.now(UTC)
            # A tenth, for credentials that live so briefly that half a minute is most of it.
            renew_at = max(expires - min(LEEWAY, (expires - now) / 10), now + SHORTEST)
        # All of it or nothing: half of two answers would belong to no user.
        self.certificate = certificate
        self._header = f"Bearer {status.token}" if status.token else ""
        self._renew_at, self._expires = renew_at, expires

    async def _run(self) -> _Status:
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
            said = result.complaint or "its message is on the terminal"
            raise CredentialsError(f"exec plugin {command}: exit status {result.status}: {said}{self._hint()}")
        return self._parse(command, result.output)

    def _parse(self, command: str, output: bytes) -> _Status:
        try:
            credential = msgspec.json.decode(output, type=_ExecCredential)
        except UnicodeDecodeError as error:
            raise CredentialsError(f"exec plugin {command}: printed no ExecCredential: not UTF-8") from error
        except msgspec.MsgspecError as error:
            # The output itself is left out: it may hold a secret.
            raise CredentialsError(f"exec plugin {command}: printed no ExecCredential: {error}") from error
        if credential.kind != "ExecCredential" or credential.api_version != self._entry.apiVersion:
            raise CredentialsError(
                f"exec plugin {command}: printed {credential.kind} {credential.api_version}, "
                f"wanted ExecCredential {self._entry.apiVersion}"
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
        return f". {' '.join(self._entry.installHint.split())}" if self._entry.installHint else ""

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
        return {"apiVersion": self._entry.apiVersion, "kind": "ExecCredential", "spec": spec}
