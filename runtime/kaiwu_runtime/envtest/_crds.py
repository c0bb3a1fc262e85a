"""Install CustomResourceDefinitions and wait until they are served."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kaiwu_runtime._manifests import ManifestError, read_manifests
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kaiwu_runtime.envtest._rest import RestClient

_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_API_VERSION = "apiextensions.k8s.io/v1"
_SUFFIXES = {".yaml", ".yml", ".json"}
_POLL = 0.03


def install_crds(rest: RestClient, paths: Sequence[Path], *, timeout: float) -> list[str]:
    """Install the definitions in files and directories, wait for them, and return their names.

    Args:
        rest: Client of the API server.
        paths: Files of YAML or JSON, or directories whose ``*.yaml``, ``*.yml`` and ``*.json`` files are read.
        timeout: Seconds to wait for all of them.

    Raises:
        ControlPlaneError: A path has no definition, or a definition is not served in time.
        APIStatusError: The API server rejected one.
    """
    definitions = [definition for path in paths for definition in read_crds(path)]
    for definition in definitions:
        rest.apply(_COLLECTION, definition)
    deadline = time.monotonic() + timeout
    for definition in definitions:
        _wait_until_served(rest, definition, deadline)
    return [definition["metadata"]["name"] for definition in definitions]


def read_crds(path: Path) -> list[dict[str, Any]]:
    """Return the definitions in a file or directory; documents of other kinds are passed over.

    Raises:
        ControlPlaneError: It does not exist, is neither YAML nor JSON, or has no definition.
    """
    files = sorted(f for f in path.iterdir() if f.suffix in _SUFFIXES) if path.is_dir() else [path]
    found = [definition for file in files for definition in _definitions(file)]
    if not found:
        raise ControlPlaneError(f"{path} has no CustomResourceDefinition; run `make manifests`, or name another path")
    return found


def _definitions(file: Path) -> Iterator[dict[str, Any]]:
    try:
        manifests = read_manifests(file.read_bytes())
    except OSError as error:
        raise ControlPlaneError(f"cannot read {file}: {error.strerror}") from error
    except ManifestError as error:
        raise ControlPlaneError(f"{file} {error}") from error
    for manifest in manifests:
        if manifest.get("kind") == "CustomResourceDefinition":
            _check(file, manifest)
            yield manifest


def _check(file: Path, definition: dict[str, Any]) -> None:
    """Reject definitions that cannot be sent; the API server validates all others."""
    metadata = definition.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        raise ControlPlaneError(f"{file}: a CustomResourceDefinition has no metadata.name")
    version = definition.get("apiVersion")
    if version != _API_VERSION:
        raise ControlPlaneError(f"{file}: {name} has apiVersion {version!r}: use {_API_VERSION}")


def _wait_until_served(rest: RestClient, definition: dict[str, Any], deadline: float) -> None:
    name, spec = definition["metadata"]["name"], definition["spec"]
    served = [version["name"] for version in spec["versions"] if version.get("served")]
    # Established says that the API server will serve it; a list that works says that it does.
    waiting = [f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1" for version in served]
    while waiting:
        code, _ = rest.request("GET", waiting[0])
        if code == 200:
            waiting.pop(0)
            continue
        if time.monotonic() > deadline:
            conditions = rest.object("GET", f"{_COLLECTION}/{name}").get("status", {}).get("conditions", [])
            reasons = [f"{c['type']}={c['status']}: {c.get('message', '')}" for c in conditions]
            raise ControlPlaneError(
                f"{name} is not served by the API server; {'; '.join(reasons) or 'no reason given'}"
            )
        time.sleep(_POLL)
