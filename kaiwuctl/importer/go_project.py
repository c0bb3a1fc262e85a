"""Reads a project of kubebuilder or operator-sdk; nothing of it is changed or run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from kaiwuctl.errors import ContentError, CRDError, KaiwuctlError, ProjectFileError
from kaiwuctl.importer.rbac_markers import Permission, Rejected, read_markers, read_role
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular
from kaiwuctl.project.presence import FILE_NAME

_CRDS: Final = "config/crd/bases"
_SAMPLES: Final = "config/samples"
_MOST_FILES: Final = 20_000
_SKIPPED: Final = frozenset({"vendor", "node_modules", "bin", "testdata"})


@dataclass(frozen=True, slots=True)
class GoResource:
    """One entry of PROJECT.

    Attributes:
        group: Without the domain.
        domain: May be empty.
        version: ``v1``.
        kind: ``Shop``.
        plural: Empty where PROJECT does not say it.
        api: Whether the project defines the kind.
        namespaced: Scope of the kind.
        controllers: Names of its controllers; the empty text is the default name.
        webhooks: What its webhooks do: ``defaulting``, ``validation``, ``conversion``.
        spokes: Versions that are converted to and from this one.
        core: A kind of Kubernetes itself.
        external: A kind of another project.
    """

    group: str
    domain: str
    version: str
    kind: str
    plural: str = ""
    api: bool = False
    namespaced: bool = True
    controllers: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    spokes: tuple[str, ...] = ()
    core: bool = False
    external: bool = False

    @property
    def qualified_group(self) -> str:
        """The group as the API server knows it."""
        return ".".join(part for part in (self.group, self.domain) if part)


@dataclass(frozen=True, slots=True)
class GoProject:
    """What is read of a project.

    Attributes:
        name: Of the project.
        domain: Suffix of its groups.
        repo: Where it lives.
        multigroup: One folder per group.
        namespaced: The manager watches its own namespace only.
        resources: The entries of PROJECT.
        crds: The CRDs in config/crd/bases, by group and kind.
        samples: Objects in config/samples, by apiVersion and kind.
        permissions: By the Go file that has them; those of a role by its file.
        rejected: Rules that are not valid permissions, by the file that has them.
        go_files: Every Go file that a person wrote, but the types.
        configuration: Files below config that are neither generated nor the scaffold's own.
    """

    name: str
    domain: str
    repo: str
    multigroup: bool
    namespaced: bool
    resources: tuple[GoResource, ...]
    crds: dict[tuple[str, str], dict[str, Any]]
    samples: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    permissions: dict[str, list[Permission]] = field(default_factory=dict)
    rejected: dict[str, list[Rejected]] = field(default_factory=dict)
    go_files: tuple[str, ...] = ()
    configuration: tuple[str, ...] = ()


def read_go_project(folder: Path) -> GoProject:
    """Read the project in a folder.

    Raises:
        KaiwuctlError: It has no PROJECT that can be read; the message names the file.
    """
    root = _project_file(folder)
    resources = tuple(_resource(entry, index) for index, entry in enumerate(root.get("resources") or ()))
    files = _files(folder)
    permissions, rejected = _permissions(folder, files)
    return GoProject(
        name=_text(root, "projectName") or Path(os.path.realpath(folder)).name.lower(),
        domain=_text(root, "domain"),
        repo=_text(root, "repo"),
        multigroup=bool(root.get("multigroup")) or len({entry.group for entry in resources if entry.api}) > 1,
        namespaced=bool(root.get("namespaced")),
        resources=resources,
        crds=_crds(folder, files),
        samples=_samples(folder, files),
        permissions=permissions,
        rejected=rejected,
        go_files=tuple(file for file in files if _is_written_go(file)),
        configuration=tuple(file for file in files if _is_configuration(file)),
    )


def _project_file(folder: Path) -> dict[str, Any]:
    from kaiwu_runtime._manifests import ManifestError, read_manifests  # noqa: PLC0415 - a missing folder needs none

    shown = f"{folder}/{FILE_NAME}"
    if not folder.is_dir():
        raise ProjectFileError(f"{folder}: is not a directory; pass that of a kubebuilder or operator-sdk project")
    try:
        content = read_regular(folder, FILE_NAME, limit=TEXT_LIMIT)
    except ContentError as error:
        raise ProjectFileError(f"{folder}/{error.message}") from None
    if content is None:
        raise ProjectFileError(f"{shown}: not found; pass the directory of a kubebuilder or operator-sdk project")
    try:
        documents = read_manifests(content)
    except ManifestError as error:
        raise ProjectFileError(f"{shown}: {error}") from None
    root = documents[0] if documents else {}
    if str(root.get("version")) != "3":
        raise ProjectFileError(f"{shown}: version {root.get('version')!r} is not 3; migrate the project first")
    layout = root.get("layout")
    if any(str(part).startswith("python.kaiwuctl.io") for part in (layout if isinstance(layout, list) else [layout])):
        raise ProjectFileError(f"{shown}: is kaiwuctl's own; copy the directory instead")
    if not isinstance(root.get("resources", []), list):
        raise ProjectFileError(f"{shown}: resources must be a list")
    return root


def _text(entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _resource(entry: object, index: int) -> GoResource:
    if not isinstance(entry, dict) or not _text(entry, "kind") or not _text(entry, "version"):
        raise ProjectFileError(f"{FILE_NAME}: resources[{index}] must have a kind and a version")
    api = entry.get("api")
    webhooks = entry.get("webhooks") if isinstance(entry.get("webhooks"), dict) else {}
    named = entry.get("controllers") if isinstance(entry.get("controllers"), list) else []
    names = [str(each["name"]) for each in named or () if isinstance(each, dict) and each.get("name")]
    spokes = (webhooks or {}).get("spoke")
    return GoResource(
        group=_text(entry, "group"),
        domain=_text(entry, "domain"),
        version=_text(entry, "version"),
        kind=_text(entry, "kind"),
        plural=_text(entry, "plural"),
        api=isinstance(api, dict),
        namespaced=isinstance(api, dict) and bool(api.get("namespaced")),
        controllers=tuple(names) or (("",) if entry.get("controller") else ()),
        webhooks=tuple(word for word in ("defaulting", "validation", "conversion") if (webhooks or {}).get(word)),
        spokes=tuple(map(str, spokes)) if isinstance(spokes, list) else (),
        core=bool(entry.get("core")),
        external=bool(entry.get("external")),
    )


def _files(folder: Path) -> list[str]:
    """Return the regular files of a project, relative to it; links are not followed."""
    found: list[str] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            path = Path(parent, name)
            if not path.is_symlink() and path.is_file():
                found.append(path.relative_to(folder).as_posix())
        if len(found) > _MOST_FILES:
            raise KaiwuctlError(f"{folder}: has more than {_MOST_FILES} files; pass the directory of one project")
    return found


def _documents(folder: Path, file: str) -> list[dict[str, Any]]:
    from kaiwu_runtime._manifests import ManifestError, read_manifests  # noqa: PLC0415

    try:
        content = read_regular(folder, file)
        return read_manifests(content or b"")
    except ManifestError as error:
        raise CRDError(f"{folder / file}: {error}") from None
    except ContentError as error:
        raise CRDError(f"{folder}/{error.message}") from None


def _crds(folder: Path, files: list[str]) -> dict[tuple[str, str], dict[str, Any]]:
    from kaiwuctl.importer.checking import check_crd  # noqa: PLC0415 - imports lightkube

    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in files:
        if file.startswith(f"{_CRDS}/") and file.endswith((".yaml", ".yml")):
            for document in _documents(folder, file):
                spec = document.get("spec")
                names = spec.get("names") if isinstance(spec, dict) else None
                if document.get("kind") == "CustomResourceDefinition" and isinstance(names, dict):
                    try:
                        check_crd(document)
                    except CRDError as error:
                        raise CRDError(f"{folder / file}: {error.message}") from None
                    found[str(spec.get("group")), str(names.get("kind"))] = document  # type: ignore[union-attr]
    return found


def _samples(folder: Path, files: list[str]) -> dict[tuple[str, str], dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for file in files:
        if file.startswith(f"{_SAMPLES}/") and file.endswith((".yaml", ".yml")) and "kustomization" not in file:
            for document in _documents(folder, file):
                found.setdefault((str(document.get("apiVersion")), str(document.get("kind"))), document)
    return found


def _permissions(folder: Path, files: list[str]) -> tuple[dict[str, list[Permission]], dict[str, list[Rejected]]]:
    found: dict[str, list[Permission]] = {}
    rejected: dict[str, list[Rejected]] = {}
    for file in files:
        if file.endswith(".go") and not file.endswith("_test.go"):
            try:
                text = (read_regular(folder, file) or b"").decode(errors="replace")
            except ContentError:
                continue
            markers, others = read_markers(text)
            if markers:
                found[file] = markers
            if others:
                rejected[file] = others
    role = "config/rbac/role.yaml"
    if not found and not rejected and role in files:
        for document in _documents(folder, role):
            rules, others = read_role(document)
            found.setdefault(role, []).extend(rules)
            rejected.setdefault(role, []).extend(others)
    return found, rejected


def _is_written_go(file: str) -> bool:
    if not file.endswith(".go") or Path(file).name.startswith("zz_generated"):
        return False
    return not file.endswith(("_types.go", "groupversion_info.go", "suite_test.go"))


def _is_configuration(file: str) -> bool:
    known = ("config/crd/", "config/samples/", "config/rbac/", "config/network-policy/", "config/prometheus/")
    standard = {
        "config/default/kustomization.yaml",
        "config/default/manager_metrics_patch.yaml",
        "config/default/metrics_service.yaml",
        "config/default/cert_metrics_manager_patch.yaml",
        "config/default/manager_webhook_patch.yaml",
        "config/manager/kustomization.yaml",
        "config/manager/manager.yaml",
        "config/webhook/kustomization.yaml",
        "config/webhook/manifests.yaml",
        "config/webhook/service.yaml",
    }
    return file.startswith("config/") and not file.startswith((*known, "config/certmanager/")) and file not in standard
