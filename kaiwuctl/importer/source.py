"""Where a CRD comes from: a file, standard input, or a cluster."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any, BinaryIO, Final

from kaiwuctl.errors import CRDError, UsageError
from kaiwuctl.names.rule import quoted

CLUSTER: Final = "cluster:"
LIMIT: Final = 8 * 1024 * 1024
"""Bytes a source may have: five times what an API server stores of one CRD."""

_KIND: Final = "CustomResourceDefinition"
_COLLECTION: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def read_crd(source: str, *, name: str | None = None) -> dict[str, Any]:
    """Return the CRD of a source.

    Args:
        source: A file, ``-`` for standard input, or ``cluster:NAME`` for a CRD of the current kubeconfig's cluster.
        name: Which CRD to take where there are several, or None: ``PLURAL.GROUP``, the kind, or ``KIND.GROUP``.

    Raises:
        UsageError: The source has several CRDs, and none is chosen.
        CRDError: It cannot be read, or has no such CRD; the message is one line.
    """
    if source.startswith(CLUSTER):
        return _of_cluster(source.removeprefix(CLUSTER))
    data = _read_stream(sys.stdin.buffer, "standard input") if source == "-" else _read_file(source)
    return _chosen(_crds(data, _shown(source)), _shown(source), name)


def _shown(source: str) -> str:
    return "standard input" if source == "-" else source


def _crds(data: bytes, shown: str) -> list[dict[str, Any]]:
    # Without a file there is nothing to parse, and a rejected flag should not wait for the parser.
    from kaiwu_runtime._manifests import ManifestError, read_manifests  # noqa: PLC0415

    try:
        found = read_manifests(data)
    except ManifestError as error:
        raise CRDError(f"{shown}: {error}") from None
    crds = [document for document in found if document.get("kind") == _KIND]
    if not crds:
        kinds = ", ".join(dict.fromkeys(str(document.get("kind"))[:40] for document in found)) or "nothing"
        raise CRDError(f"{shown}: has no {_KIND}, but {kinds}; pass the file of a CRD")
    return crds


def _chosen(crds: list[dict[str, Any]], shown: str, name: str | None) -> dict[str, Any]:
    named = {_name(crd): crd for crd in crds}
    if name is not None:
        matching = [crd for crd in crds if name in _names(crd)]
        if len(matching) == 1:
            return matching[0]
        problem = f"has no CRD {quoted(name)}" if not matching else f"has several CRDs {quoted(name)}"
        raise CRDError(f"{shown}: {problem}: it has {_listed(named)}")
    if len(crds) > 1:
        raise UsageError(
            f"{shown}: has {len(crds)} CRDs: {_listed(named)}; choose one with --name, for example --name "
            f"{next(iter(named))}"
        )
    return crds[0]


def _listed(named: dict[str, dict[str, Any]]) -> str:
    names = list(named)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _name(crd: dict[str, Any]) -> str:
    metadata = crd.get("metadata")
    return str(metadata.get("name"))[:100] if isinstance(metadata, dict) else "a CRD without a name"


def _names(crd: dict[str, Any]) -> set[str]:
    """Return what a CRD can be chosen by."""
    spec = crd.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(names, dict):
        return {_name(crd)}
    return {_name(crd), str(names.get("kind")), f"{names.get('kind')}.{spec.get('group')}"}


def _read_file(source: str) -> bytes:
    path = Path(source)
    try:
        # Without O_NONBLOCK the opening of a named pipe waits for its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        hint = "; a CRD of a cluster is cluster:NAME" if not path.exists() else ""
        raise CRDError(f"{source}: {(error.strerror or str(error)).lower()}{hint}") from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise CRDError(f"{source}: is {what}; pass the file of a CRD, or - for standard input")
    with os.fdopen(descriptor, "rb") as stream:
        return _read_stream(stream, source)


def _read_stream(stream: BinaryIO, shown: str) -> bytes:
    try:
        data = stream.read(LIMIT + 1)
    except OSError as error:
        raise CRDError(f"{shown}: cannot be read: {error.strerror or error}") from None
    if len(data) > LIMIT:
        raise CRDError(f"{shown}: is larger than {LIMIT // 1024 // 1024} MiB; pass the file of one CRD")
    return data


def _of_cluster(name: str) -> dict[str, Any]:
    if not name or "." not in name:
        raise UsageError(
            f"{CLUSTER}{name}: the name of a CRD is its plural and its group, for example "
            f"{CLUSTER}certificates.cert-manager.io; `kubectl get crd` lists them"
        )
    import asyncio  # noqa: PLC0415 - only a cluster needs it, and the client

    from kaiwu_runtime.errors import APIError, ConfigurationError, NotFoundError  # noqa: PLC0415

    try:
        data = asyncio.run(_get(name))
    except NotFoundError:
        raise CRDError(f"{CLUSTER}{name}: the cluster has no such CRD; `kubectl get crd` lists them") from None
    except (APIError, ConfigurationError) as error:
        raise CRDError(f"{CLUSTER}{name}: {' '.join(str(error).split())}") from None
    # A server is no more trusted than a file.
    return _chosen(_crds(data, f"{CLUSTER}{name}"), f"{CLUSTER}{name}", None)


async def _get(name: str) -> bytes:
    from urllib.parse import quote  # noqa: PLC0415

    from kaiwu_runtime.client import Client  # noqa: PLC0415

    async with Client.connect() as client:
        return await client.transport.request("GET", f"{_COLLECTION}/{quote(name, safe='')}")
