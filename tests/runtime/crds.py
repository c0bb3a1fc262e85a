"""Kinds of a test, on the API server."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from kaiwu_runtime.api import CustomResource, identify
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._yaml_output import to_yaml


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
    """Remove a kind's CRD, if it is there.

    Args:
        control_plane: Where.
        kind: A type that ``@resource`` decorates.
    """
    identity = identify(kind)
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{identity.plural}.{identity.group}"
    try:
        control_plane.rest.object("DELETE", path)
    except NotFoundError:
        return
