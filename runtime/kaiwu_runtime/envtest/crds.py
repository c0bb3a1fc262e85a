"""Installs CustomResourceDefinitions and waits until they are served."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import yaml

from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from kaiwu_runtime.envtest.rest import RestClient

_COLLECTION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_POLL = 0.03


def install_crds(rest: RestClient, paths: Sequence[Path], *, timeout: float) -> list[str]:
    """Install the definitions in files and directories, wait for them, and return their names.

    Args:
        rest: Client of the API server.
        paths: YAML files, or directories whose ``*.yaml`` and ``*.yml`` files are read.
        timeout: Seconds to wait for all of them.

    Raises:
        ControlPlaneError: A path has no definition, or a definition is not served in time.
        APIStatusError: The API server refused one.
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
        ControlPlaneError: It does not exist, is not YAML, or has no definition.
    """
    files = sorted(f for f in path.iterdir() if f.suffix in {".yaml", ".yml"}) if path.is_dir() else [path]
    found = [definition for file in files for definition in _definitions(file)]
    if not found:
        raise ControlPlaneError(f"{path} has no CustomResourceDefinition; run `make manifests`, or name another path")
    return found


def _definitions(file: Path) -> Iterator[dict[str, Any]]:
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ControlPlaneError(f"cannot read {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ControlPlaneError(f"{file} is not YAML: {error}") from error
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "CustomResourceDefinition":
            yield document


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
