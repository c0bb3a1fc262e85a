"""Scaffolds the types of a CRD: what `kaiwuctl import crd` does once its flags are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kaiwu_runtime.generator._yaml_output import to_yaml
from kaiwuctl.console import say, warn
from kaiwuctl.errors import CRDError, UsageError
from kaiwuctl.importer.crd import ImportedKind, ImportedVersion, class_of_kind, import_crd
from kaiwuctl.importer.kubernetes import recogniser
from kaiwuctl.importer.sample import sample_fields
from kaiwuctl.importer.source import read_crd
from kaiwuctl.names.external import external_class
from kaiwuctl.names.project import is_protected
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.scaffold.api import create_options, plan_api
from kaiwuctl.scaffold.api_request import APIRequest
from kaiwuctl.scaffold.decision import APIDecision, decide
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.external import ExternalType, external_folder
from kaiwuctl.scaffold.header import header_of_project
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.record import Record, add_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kaiwuctl.project.model import Project

_TESTS_HEAD: Final = "# For the tests only: kustomize does not apply it.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class CRDRequest:
    """The flags of `kaiwuctl import crd`.

    Attributes:
        source: A file, ``-``, or ``cluster:NAME``.
        name: Which CRD of a source with several; None where it has one.
        versions: The versions to import; None for all.
        external: The kind stays another project's.
        controller: Whether a controller is scaffolded.
        kubernetes_types: Use lightkube's models where the CRD has exactly their schema.
    """

    source: str
    name: str | None = None
    versions: tuple[str, ...] | None = None
    external: bool = False
    controller: bool = False
    kubernetes_types: bool = False


def scaffold_crd(root: Path, request: CRDRequest, *, force: bool, make: bool, dry_run: bool, verbose: bool) -> None:
    """Scaffold the types of a CRD into the project at `root`, all versions or none.

    Args:
        root: The project's folder.
        request: The values of the flags.
        force: Overwrite files that differ.
        make: Run the project's generators afterwards.
        dry_run: Print the plan and write nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: It cannot be done; nothing was changed. Or `make` failed, when everything was written.
    """
    # The source is read before the folder is locked: a cluster may be slow.
    crd = read_crd(request.source, name=request.name)
    crds = [(crd, request)]

    def make_plan() -> tuple[Plan, list[ImportedKind]]:
        project_file, written, plan = ProjectFile.load(root), Record.load(root), Plan(root, force=force)
        kinds = [plan_crd(plan, project_file, written, each, wanted) for each, wanted in crds]
        add_record(plan, written)
        return plan, kinds

    def afterwards(kinds: list[ImportedKind]) -> None:
        for kind in kinds:
            _report(kind, request)
        if make:
            run_make(root)

    for kind in execute_plan(root, make_plan, afterwards, dry_run=dry_run, verbose=verbose):
        for note in kind.notes:
            warn(f"{kind.plural}.{kind.group}: {note}")


def plan_crd(
    plan: Plan,
    project_file: ProjectFile,
    written: Record,
    crd: dict[str, Any],
    request: CRDRequest,
    *,
    samples: Mapping[tuple[str, str], dict[str, Any]] | None = None,
) -> ImportedKind:
    """Plan the types of one CRD.

    Args:
        plan: What the files are added to.
        project_file: PROJECT, which gets an entry for each version.
        written: The record of the project, which gets the options.
        crd: The object.
        request: The values of the flags.
        samples: Objects by apiVersion and kind; a version without one gets what its schema requires.

    Raises:
        CRDError: It is not a CRD that can be imported.
        UsageError: PROJECT has other kinds of these names, or the kind cannot be the project's own.
    """
    try:
        kind = import_crd(
            crd,
            versions=request.versions,
            external=request.external,
            header=header_of_project(plan.root),
            recognise=recogniser() if request.kubernetes_types else None,
            class_of=external_class if request.external else class_of_kind,
        )
    except CRDError as error:
        raise CRDError(f"{_source(request)}: {error.message}") from None
    if not request.external and is_protected(kind.group):
        raise UsageError(
            f"{_source(request)}: the API group {kind.group} is reserved for Kubernetes itself, so {kind.kind} is "
            "another project's; pass --external"
        )
    own = own_manifest(crd, kind)
    ordered = sorted(kind.versions, key=lambda version: not version.storage)
    for position, version in enumerate(ordered):
        decision = _decide(project_file.project, kind, version, request, own, first=position == 0)
        sample = (samples or {}).get((f"{kind.group}/{version.name}", kind.kind))
        contents = _contents(version, own, _sample(kind, version, project_file.project, sample))
        plan_api(plan, project_file, decision, written, contents)
        options = create_options(decision)
        if options not in written.create:
            written.create.append(options)
    return kind


def _source(request: CRDRequest) -> str:
    return "standard input" if request.source == "-" else request.source


def _decide(
    project: Project,
    kind: ImportedKind,
    version: ImportedVersion,
    request: CRDRequest,
    own: dict[str, Any],
    *,
    first: bool,
) -> APIDecision:
    group, domain = split_api_group(kind.group, project.domain, external=request.external)
    asked = APIRequest(
        group=group,
        version=version.name,
        kind=kind.kind,
        plural=kind.plural,
        namespaced=kind.namespaced,
        resource=None if request.external else True,
        controller=request.controller and first,
        domain=domain,
        imported=True,
    )
    if not request.external:
        return decide(asked, project)
    folder = external_folder(kind.group, version.name).replace("/", ".")
    external = ExternalType(
        group=kind.group,
        version=version.name,
        kind=kind.kind,
        plural=kind.plural,
        namespaced=kind.namespaced,
        path=f"{folder}.{kind.kind.lower()}_types",
        crd=own,
        sample=sample_fields(version.schema),
    )
    return decide(asked, project, external)


def split_api_group(group: str, domain: str, *, external: bool) -> tuple[str, str]:
    """Return an API group as PROJECT has it: without the project's domain where it ends in that."""
    if not external and domain and group == domain:
        return "", domain
    if not external and domain and group.endswith(f".{domain}"):
        return group.removesuffix(f".{domain}"), domain
    first, _, rest = group.partition(".")
    return first, rest


def own_manifest(crd: dict[str, Any], kind: ImportedKind) -> dict[str, Any]:
    """Return a CRD as a project has it: with the imported versions, and without what a cluster adds."""
    metadata = crd.get("metadata") or {}
    kept = {word: metadata[word] for word in ("annotations", "labels") if metadata.get(word)}
    # An API server accepts no other name.
    kept["name"] = f"{kind.plural}.{kind.group}"
    kept.get("annotations", {}).pop("kubectl.kubernetes.io/last-applied-configuration", None)
    imported = {version.name for version in kind.versions}
    versions = [version for version in crd["spec"]["versions"] if version["name"] in imported]
    if not any(version.get("storage") for version in versions):
        versions = [{**version, "storage": position == 0} for position, version in enumerate(versions)]
    spec = {**crd["spec"], "versions": versions}
    # The conversion webhook of another project is not there to be called.
    for word in ("conversion", "preserveUnknownFields"):
        spec.pop(word, None)
    return {"apiVersion": crd["apiVersion"], "kind": crd["kind"], "metadata": kept, "spec": spec}


def _contents(version: ImportedVersion, own: dict[str, Any], sample: str) -> dict[str, bytes]:
    """Return the files of a version that are not rendered, by the name of the template that they replace."""
    module = version.module.encode()
    return {
        "types.py.jinja": module,
        "untyped_types.py.jinja": module,
        "sample.yaml.jinja": sample.encode(),
        "crd.yaml.jinja": to_yaml([own]).encode(),
        "versions": (_TESTS_HEAD + _yaml(own)).encode(),
    }


def _sample(kind: ImportedKind, version: ImportedVersion, project: Project, sample: dict[str, Any] | None) -> str:
    api_version = f"{kind.group}/{version.name}"
    schema = f"../../docs/api/{kind.group}_{version.name}_{kind.kind.lower()}.schema.json"
    head = f"# yaml-language-server: $schema={schema}\n"
    if sample is not None:
        # kubebuilder's own samples have a spec without a value, which no API server accepts.
        required = sample_fields(version.schema)
        return head + _yaml({key: required.get(key, {}) if value is None else value for key, value in sample.items()})
    head += "# The fields that the schema requires. TODO(user): those that its rules ask for.\n"
    labels = {"app.kubernetes.io/name": project.name, "app.kubernetes.io/managed-by": "kustomize"}
    metadata = {"name": f"{kind.kind.lower()}-sample", "labels": labels}
    fields = sample_fields(version.schema)
    return head + _yaml({"apiVersion": api_version, "kind": kind.kind, "metadata": metadata, **fields})


def _yaml(content: dict[str, Any]) -> str:
    """Return an object as kubectl reads it, without the mark of a generated file."""
    return to_yaml([content]).partition("---\n")[2]


def _report(kind: ImportedKind, request: CRDRequest) -> None:
    names = ", ".join(version.name for version in kind.versions)
    say()
    if request.external:
        say(f"{kind.kind} is another project's: {kind.plural}.{kind.group}, imported: {names}.")
    else:
        say(f"{kind.kind} is {kind.plural}.{kind.group}, imported: {names}.")
