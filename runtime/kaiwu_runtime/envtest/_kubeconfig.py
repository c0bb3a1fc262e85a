"""Kubeconfig files: written for a control plane, and merged into one the user has.

See https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from kaiwu_runtime._manifests import ManifestError, read_manifests
from kaiwu_runtime._yaml_dumper import Dumper
from kaiwu_runtime.envtest._directories import make_directories
from kaiwu_runtime.errors import ControlPlaneError

if TYPE_CHECKING:
    from kaiwu_runtime.envtest._certificates import KeyPair

_LISTS = ("clusters", "contexts", "users")


def kubeconfig(
    server: str,
    ca_bundle: bytes,
    *,
    credentials: KeyPair | str,
    name: str = "kaiwu-envtest",
    user: str = "admin",
    namespace: str = "default",
) -> dict[str, Any]:
    """Return a kubeconfig with one cluster, one user and one context, certificates embedded.

    Args:
        server: URL of the API server.
        ca_bundle: PEM certificate that signed the server's.
        credentials: A client certificate, or a bearer token.
        name: Name of the cluster and of the context.
        user: Name of the user; the entry is called ``<name>-<user>``.
        namespace: Namespace of the context.
    """
    if isinstance(credentials, str):
        secret = {"token": credentials}
    else:
        secret = {
            "client-certificate-data": base64.b64encode(credentials.certificate).decode(),
            "client-key-data": base64.b64encode(credentials.key).decode(),
        }
    entry = f"{name}-{user}"
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca_bundle).decode()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": entry, "user": secret}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": entry, "namespace": namespace}}],
        "current-context": name,
    }


def write_kubeconfig(path: Path, config: dict[str, Any]) -> None:
    """Write a kubeconfig that only its owner can read, atomically.

    Raises:
        ControlPlaneError: The file cannot be written.
    """
    path = Path(os.path.realpath(path))  # a symlink stays a symlink; its target is replaced
    try:
        make_directories(path.parent)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                yaml.dump(config, stream, Dumper=Dumper, sort_keys=False, default_flow_style=False)
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise ControlPlaneError(f"cannot write the kubeconfig {path}: {error.strerror or error}") from error


def merge_kubeconfig(path: Path, config: dict[str, Any]) -> str:
    """Add `config` to the file `path`: other entries stay, the current context changes.

    Returns:
        The context that was the current one before; empty when there was none.

    Raises:
        ControlPlaneError: The file is not a kubeconfig, or cannot be written.
    """
    merged = read_kubeconfig(path)
    before = str(merged.get("current-context") or "")
    for key in _LISTS:
        names = {entry["name"] for entry in config[key]}
        merged[key] = [entry for entry in merged.get(key) or [] if _name(entry) not in names] + config[key]
    merged["current-context"] = config["current-context"]
    write_kubeconfig(path, {"apiVersion": "v1", "kind": "Config"} | merged)
    return before


def remove_from_kubeconfig(path: Path, config: dict[str, Any], before: str) -> None:
    """Take the entries of `config` out of the file `path` again; a file with nothing left is removed.

    Args:
        path: The file.
        config: The config that was merged into it; an entry that has been changed since is kept.
        before: Context to return to when the current one goes.

    Raises:
        ControlPlaneError: The file is not a kubeconfig, or cannot be written.
    """
    if not path.exists():
        return
    merged = read_kubeconfig(path)
    for key in _LISTS:
        merged[key] = [entry for entry in merged.get(key) or [] if entry not in config[key]]
    if not any(merged[key] for key in _LISTS):
        path.unlink(missing_ok=True)
        return
    names = {_name(entry) for entry in merged["contexts"]}
    if merged.get("current-context") not in names:
        merged["current-context"] = before if before in names else ""
    write_kubeconfig(path, merged)


def read_kubeconfig(path: Path) -> dict[str, Any]:
    """Return the content of a kubeconfig file, empty when there is none.

    Raises:
        ControlPlaneError: It cannot be read, or is not a kubeconfig.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ControlPlaneError(f"cannot read the kubeconfig {path}: {error}") from error
    try:
        # As kubectl reads it: what is written back must be what the user has there.
        documents = read_manifests(data)
    except ManifestError as error:
        broken = " (broken YAML)" if isinstance(error.__context__, yaml.YAMLError) else ""
        raise ControlPlaneError(f"{path} is not a kubeconfig{broken}; name another file") from error
    if not documents:
        return {}
    document = documents[0]
    if len(documents) > 1 or not all(isinstance(document.get(key) or [], list) for key in _LISTS):
        raise ControlPlaneError(f"{path} is not a kubeconfig; name another file")
    return document


def _name(entry: object) -> object:
    return entry.get("name") if isinstance(entry, dict) else None
