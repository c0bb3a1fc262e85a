"""The index of the official envtest archives, which has the address and SHA-512 of each.

It is envtest-releases.yaml of kubernetes-sigs/controller-tools, the one that setup-envtest reads.
See https://book.kubebuilder.io/reference/envtest
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import yaml

from kaiwu_runtime.envtest._binaries import DEFAULT_VERSION, system, version_key, version_matches
from kaiwu_runtime.envtest._http import check_step, open_url, receive, shown
from kaiwu_runtime.errors import ControlPlaneError

DEFAULT_INDEX = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml"

INDEX_LIMIT = 5_000_000
"""Maximum size of the index in bytes; it has 0.1 MB."""
_RELEASE = re.compile(r"v\d+\.\d+\.\d+")


class Archive(NamedTuple):
    """An archive of the index."""

    version: str
    url: str
    sha512: str


def find_archive(index: str, wanted: str | None) -> Archive:
    """Return the archive of a version for this machine.

    Args:
        index: Address of the index.
        wanted: See `download`.

    Raises:
        ControlPlaneError: The index cannot be read, or has no such archive.
    """
    return _choose(_read_index(index), index, wanted)


def _read_index(index: str) -> dict[str, object]:
    with open_url(index) as response:
        data = receive(response, index, INDEX_LIMIT)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        document = yaml.load(data, Loader=loader)  # noqa: S506  (one of the two safe loaders)
    except (yaml.YAMLError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise ControlPlaneError(f"{shown(index)} is not YAML; is this the address of the index?") from error
    releases = document.get("releases") if isinstance(document, dict) else None
    if not isinstance(releases, dict):
        raise ControlPlaneError(f"{shown(index)} has no `releases`; is this the address of the index?")
    return releases


def _choose(releases: dict[str, object], index: str, wanted: str | None) -> Archive:
    machine = system()
    archives: dict[str, dict[str, object]] = {}
    for tag, files in releases.items():
        name = f"envtest-{tag}-{machine}.tar.gz"
        if _RELEASE.fullmatch(str(tag)) and isinstance(files, dict) and isinstance(files.get(name), dict):
            archives[str(tag).removeprefix("v")] = files[name]
    candidates = [version for version in archives if version_matches(version, wanted)]
    if not candidates:
        newest = ", ".join(sorted(archives, key=version_key)[-3:]) or "nothing"
        raise ControlPlaneError(f"{shown(index)} has no Kubernetes {wanted or ''} for {machine}; its newest: {newest}")
    minor = DEFAULT_VERSION.rpartition(".")[0]

    def preference(version: str) -> tuple[bool, bool, tuple[int, ...]]:
        return version == DEFAULT_VERSION, version_matches(version, minor), version_key(version)

    version = max(candidates, key=preference)
    url, sha512 = archives[version].get("selfLink"), archives[version].get("hash")
    if not isinstance(url, str) or not isinstance(sha512, str) or not re.fullmatch(r"[0-9a-f]{128}", sha512):
        raise ControlPlaneError(f"{shown(index)} gives no address and SHA-512 for Kubernetes {version}; not used")
    try:
        address = urljoin(index, url)
        schemes = urlsplit(index).scheme, urlsplit(address).scheme
    except ValueError as error:
        raise ControlPlaneError(f"{shown(index)} gives an invalid address for Kubernetes {version}: {error}") from error
    check_step(*schemes, f"{shown(index)} gives the address {shown(address)}")
    return Archive(version, address, sha512)
