"""Kinds of a test, on the API server."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from kaiwu_runtime.api import CustomResource, identify
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._yaml_output import to_yaml

GONE_SECONDS = 120
"""The API server repeats a removal that fails after ever longer pauses: on a busy machine one took over 30 seconds."""


def install(control_plane: ControlPlane, kinds: Iterable[type[CustomResource]], folder: Path) -> None:
    """Install the kinds' CRDs as `make manifests` would write them.

    Args:
        control_plane: Where.
        kinds: Types that ``@resource`` decorates.
        folder: Where the files are written; nothing else may be there.
    """
    for crd in build_crds(kinds):
        (folder / crd.file_name).write_text(to_yaml([crd.manifest]), encoding="utf-8")
    control_plane.install_crds(folder)


def uninstall(control_plane: ControlPlane, kind: type[CustomResource]) -> None:
    """Remove a kind's CRD, if it is there, and wait until the API server does not serve the kind any longer.

    Args:
        control_plane: Where.
        kind: A type that ``@resource`` decorates.
    """
    identity = identify(kind)
    remove(control_plane, f"{identity.plural}.{identity.group}")
    _wait_until_gone(control_plane, f"/apis/{identity.group}/{identity.version}/{identity.plural}")


def remove(control_plane: ControlPlane, name: str) -> None:
    """Remove a CRD, if it is there, and wait until it is gone: until then it cannot be created again.

    Args:
        control_plane: Where.
        name: The plural, a dot and the group.
    """
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"
    if is_there(control_plane, path):
        control_plane.rest.object("DELETE", path)
    _wait_until_gone(control_plane, path)


def is_there(control_plane: ControlPlane, path: str) -> bool:
    """Return whether the API server has an object, or serves a collection."""
    try:
        control_plane.rest.object("GET", path)
    except NotFoundError:
        return False
    return True


def _wait_until_gone(control_plane: ControlPlane, path: str) -> None:
    deadline = time.monotonic() + GONE_SECONDS
    while is_there(control_plane, path):
        assert time.monotonic() < deadline, f"{path} is still there"
        time.sleep(0.05)
