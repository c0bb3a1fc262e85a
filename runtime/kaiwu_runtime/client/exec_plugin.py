"""Credentials printed by a command: client-go credential plugins, ``client.authentication.k8s.io`` v1 and v1beta1.

See https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kaiwu_runtime.client.tls import ClientCertificate
from kaiwu_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from kaiwu_runtime.client.kubeconfig import ClusterEntry, ExecEntry

GROUP = "client.authentication.k8s.io"
API_VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")
LEEWAY = timedelta(seconds=30)
SHORTEST = timedelta(seconds=1)
"""How long credentials are used at least: those that look expired may be good by the API server's clock."""


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

    Args:
        entry: ``user.exec`` of the kubeconfig.
        cluster: The cluster the credentials are for; told to the plugin if it asks.
        folder: Folder of the kubeconfig file; a command with a slash in it is relative to it.
        timeout: Seconds the command may take; a person may have to log in meanwhile.

    Raises:
        ConfigurationError: The entry asks for a version or a mode that does not exist.
    """

    def __init__(self, entry: ExecEntry, cluster: ClusterEntry, folder: Path, *, timeout: float = 300.0) -> None:
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
        self._timeout = timeout
        self._header: str | None = None
        self._renew_at: datetime | None = None
        self._runs = 0
        self._lock = asyncio.Lock()

    def authorization(self) -> str | None:
        """Return the header, or None when the command has to run first."""
        if self._renew_at is not None and datetime.now(UTC) >= self._renew_at:
            return None
        return self._header

    async def renew(self, *, rejected: bool) -> bool:
        """Run the command, once for everybody who waits.

        Raises:
            ConfigurationError: The command is missing, fails, or prints no credentials.
        """
        runs = self._runs
        async with self._lock:
            if self._runs != runs and self.authorization() is not None:
                return True
            before = (self._header, self.certificate)
            self._accept(await self._run())
            self._runs += 1
            return not rejected or (self._header, self.certificate) != before

    def _accept(self, status: _Status) -> None:
        if status.certificate:
            self.certificate = ClientCertificate(status.certificate.encode(), status.key.encode())
        self._header = f"Bearer {status.token}" if status.token else ""
        self._renew_at = None
        if status.expires is not None:
            expires = status.expires if status.expires.tzinfo else status.expires.replace(tzinfo=UTC)
            now = datetime.now(UTC)
            # A tenth, for credentials that live so briefly that half a minute is most of it.
            self._renew_at = max(expires - min(LEEWAY, (expires - now) / 10), now + SHORTEST)

    async def _run(self) -> _Status:
        command = self._command()
        interactive = self._interactive()
        env = {**os.environ, **{item.name: item.value for item in self._entry.env or []}}
        env["KUBERNETES_EXEC_INFO"] = msgspec.json.encode(self._exec_info(interactive)).decode()
        try:
            process = await asyncio.create_subprocess_exec(
                command,
                *(self._entry.args or []),
                stdin=None if interactive else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=env,
            )
        except OSError as error:
            raise ConfigurationError(f"exec plugin {command}: {error.strerror}{self._hint()}") from error
        try:
            output, complaint = await asyncio.wait_for(process.communicate(), self._timeout)
        except TimeoutError as error:
            raise ConfigurationError(f"exec plugin {command}: no answer within {self._timeout:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            said = " ".join(complaint.decode(errors="replace").split())[-500:]
            raise ConfigurationError(f"exec plugin {command}: exit status {process.returncode}: {said}{self._hint()}")
        return self._parse(command, output)

    def _parse(self, command: str, output: bytes) -> _Status:
        try:
            credential = msgspec.json.decode(output, type=_ExecCredential)
        except msgspec.MsgspecError as error:
            # The output itself is left out: it may hold a secret.
            raise ConfigurationError(f"exec plugin {command}: printed no ExecCredential: {error}") from error
        if credential.kind != "ExecCredential" or credential.api_version != self._entry.apiVersion:
            raise ConfigurationError(
                f"exec plugin {command}: printed {credential.kind} {credential.api_version}, "
                f"wanted ExecCredential {self._entry.apiVersion}"
            )
        status = credential.status
        if status is None or not (status.token or status.certificate):
            raise ConfigurationError(f"exec plugin {command}: printed neither a token nor a client certificate")
        if bool(status.certificate) != bool(status.key):
            raise ConfigurationError(f"exec plugin {command}: a client certificate needs its key, and a key its chain")
        return status

    def _command(self) -> str:
        name = self._entry.command
        if "/" in name:
            return str(self._folder / name)
        found = shutil.which(name)
        if found is None:
            raise ConfigurationError(f"exec plugin {name}: not found on PATH{self._hint()}")
        return found

    def _hint(self) -> str:
        return f". {' '.join(self._entry.installHint.split())}" if self._entry.installHint else ""

    def _interactive(self) -> bool:
        mode = self._entry.interactive_mode or "IfAvailable"
        terminal = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not terminal:
            raise ConfigurationError(
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
