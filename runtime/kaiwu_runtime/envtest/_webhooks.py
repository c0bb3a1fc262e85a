"""Install webhook configurations so that the API server of a test calls the manager in the test's own process."""

from __future__ import annotations

import base64
import contextlib
import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaiwu_runtime._manifests import ManifestError, read_manifests
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.errors import APIStatusError, ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import Self

    from kaiwu_runtime.envtest._rest import RestClient

_COLLECTIONS = {
    "MutatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
}
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SUFFIXES = {".yaml", ".yml", ".json"}
_MERGE = "application/merge-patch+json"
_POLL = 0.02


class WebhookInstallation:
    """Webhook configurations that are installed; a context manager that removes them at its end.

    Attributes:
        host: Where the API server calls the webhooks, and the manager has to serve them.
        port: The same.
        cert_path: Folder with ``tls.crt`` and ``tls.key``, which the API server trusts.
        names: Names of the configurations and of the CRDs whose conversion is served here.
    """

    def __init__(self, rest: RestClient, directory: Path, host: str, port: int) -> None:
        from kaiwu_runtime.certificates._authority import self_signed  # noqa: PLC0415 - loads cryptography

        self._rest = rest
        self._installed: list[str] = []
        self._conversions: dict[str, Any] = {}
        self._local_conversions: dict[str, Any] = {}
        self._documents: list[dict[str, Any]] = []
        self.host = host
        self.port = port or free_port()
        self.names: list[str] = []
        self.cert_path = Path(tempfile.mkdtemp(prefix="webhook-", dir=directory))
        certificate, key = self_signed((host,))
        (self.cert_path / "tls.crt").write_bytes(certificate)
        (self.cert_path / "tls.key").write_bytes(key)
        self._bundle = base64.b64encode(certificate).decode("ascii")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.uninstall()

    def manager_options(self) -> dict[str, Any]:
        """Return the arguments of ManagerOptions with which a manager serves the webhooks."""
        return {"webhook_host": self.host, "webhook_port": self.port, "webhook_cert_path": str(self.cert_path)}

    def uninstall(self) -> None:
        """Remove the configurations, and give the CRDs the conversion that they had; safe to call twice."""
        while self._installed:
            with contextlib.suppress(APIStatusError):
                self._rest.object("DELETE", self._installed.pop())
        while self._conversions:
            name, conversion = self._conversions.popitem()
            with contextlib.suppress(APIStatusError):  # a test may have removed it
                self._convert(name, conversion)

    def install(self, documents: Sequence[dict[str, Any]], timeout: float) -> None:
        """Install configurations and wait until the API server applies them; what fails leaves nothing behind.

        Args:
            documents: The configurations.
            timeout: Seconds to wait for all of them.

        Raises:
            ControlPlaneError: They are not applied in time.
            APIStatusError: The API server rejected one.
        """
        from kaiwu_runtime.webhook import _local_configuration as local  # noqa: PLC0415 - only tests with webhooks need it

        url = local.base_url(self.host, self.port)
        try:
            for crd in self._rest.object("GET", _CRDS)["items"]:
                conversion = crd["spec"].get("conversion") or {}
                client = (conversion.get("webhook") or {}).get("clientConfig") or {}
                if "service" in client:
                    name = crd["metadata"]["name"]
                    self._conversions[name] = conversion
                    wanted = local.local_client(client, url, self._bundle) | {"service": None}
                    self._local_conversions[name] = {"webhook": {**conversion["webhook"], "clientConfig": wanted}}
                    self._convert(name, self._local_conversions[name])
                    self.names.append(name)
            for document in documents:
                self._documents.append(document)
                self._install(local, local.local_configuration(document, url, self._bundle), timeout)
        except BaseException:
            self.uninstall()
            raise

    def suspend(self) -> None:
        """Let requests pass without the webhooks while no manager serves them; versions differ in their name only.

        Raises:
            APIStatusError: A CRD cannot be changed.
        """
        while self._installed:
            with contextlib.suppress(APIStatusError):
                self._rest.object("DELETE", self._installed.pop())
        for name in self._local_conversions:
            self._convert(name, {"strategy": "None", "webhook": None})

    def resume(self, timeout: float = 30.0) -> None:
        """Let the webhooks be called again, and wait until they are.

        Args:
            timeout: Seconds to wait for all of them.

        Raises:
            ControlPlaneError: They are not applied in time.
        """
        from kaiwu_runtime.webhook import _local_configuration as local  # noqa: PLC0415 - only tests with webhooks need it

        url = local.base_url(self.host, self.port)
        for name, conversion in self._local_conversions.items():
            self._convert(name, {"strategy": "Webhook", **conversion})
        for document in self._documents:
            self._install(local, local.local_configuration(document, url, self._bundle), timeout)

    def _install(self, local: Any, document: dict[str, Any], timeout: float) -> None:  # noqa: ANN401 - a module
        """Install one configuration; nothing listens where its probe is sent, so the API server rejects the object."""
        value = secrets.token_hex(8)
        document["webhooks"].append(local.probe_webhook(value, {"url": "https://127.0.0.1:1/"}))
        collection, name = _COLLECTIONS[document["kind"]], document["metadata"]["name"]
        self._rest.apply(collection, document)
        self._installed.append(f"{collection}/{name}")
        if name not in self.names:
            self.names.append(name)
        deadline = time.monotonic() + timeout
        path = "/api/v1/namespaces/default/configmaps?dryRun=All"
        while self._rest.request("POST", path, local.probe_object(value))[0] == 201:
            if time.monotonic() > deadline:
                raise ControlPlaneError(f"{document['kind']} {name} is not applied by the API server")
            time.sleep(_POLL)

    def _convert(self, name: str, conversion: dict[str, Any]) -> None:
        if conversion.get("webhook") and "url" not in conversion["webhook"]["clientConfig"]:
            client = conversion["webhook"]["clientConfig"] | {"url": None, "caBundle": None}
            conversion = conversion | {"webhook": conversion["webhook"] | {"clientConfig": client}}
        self._rest.object("PATCH", f"{_CRDS}/{name}", {"spec": {"conversion": conversion}}, content_type=_MERGE)


def read_webhook_configurations(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Return the webhook configurations in files and directories; documents of other kinds are passed over.

    Args:
        paths: YAML or JSON files, or directories with them.

    Raises:
        ControlPlaneError: A path does not exist, is neither YAML nor JSON, or has a configuration that is not complete.
    """
    from kaiwu_runtime.webhook import _local_configuration as local  # noqa: PLC0415 - only tests with webhooks need it

    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in _files(paths):
        try:
            manifests = read_manifests(file.read_bytes())
        except OSError as error:
            raise ControlPlaneError(f"cannot read {file}: {error.strerror}") from error
        except ManifestError as error:
            raise ControlPlaneError(f"{file} {error}") from error
        for manifest in manifests:
            kind, metadata = manifest.get("kind"), manifest.get("metadata")
            if kind not in _COLLECTIONS:
                continue
            name = metadata.get("name") if isinstance(metadata, dict) else None
            if not isinstance(name, str) or not name:
                raise ControlPlaneError(f"{file}: a {kind} has no metadata.name")
            if not local.is_complete(manifest):
                raise ControlPlaneError(f"{file}: {kind} {name} has no apiVersion, or a webhook has no clientConfig")
            found[str(kind), name] = manifest
    return list(found.values())


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
        else:
            yield path
