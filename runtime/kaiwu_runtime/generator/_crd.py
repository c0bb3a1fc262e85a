"""CustomResourceDefinitions: one for each group and kind, with all its versions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kaiwu_runtime._version import __version__
from kaiwu_runtime.api._model import CustomResource
from kaiwu_runtime.api._reading_errors import explain
from kaiwu_runtime.api._resource import PrinterColumn, ResourceDefinition, resource_definition
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._descriptions import trim_descriptions
from kaiwu_runtime.generator._resource_schema import resource_schema
from kaiwu_runtime.generator._schema import Schema, plain
from kaiwu_runtime.generator._subresources import check_definition
from kaiwu_runtime.generator._validation import check_resource
from kaiwu_runtime.generator._versions import stored_version, version_priority

VERSION_ANNOTATION = "python.kaiwuctl.io/generator-version"

ANNOTATION_LIMIT = 256 * 1024
"""Maximum size in bytes of the annotation in which ``kubectl apply`` without ``--server-side`` keeps a copy."""

STORAGE_LIMIT = 1536 * 1024
"""Maximum size in bytes of a request to etcd (its default)."""


@dataclass(frozen=True, slots=True)
class KindVersion:
    """One version of a kind: the model, the arguments of ``@resource``, the schema, and the warnings."""

    model: type[CustomResource]
    definition: ResourceDefinition
    schema: Schema
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomResourceDefinition:
    """A generated CRD.

    Attributes:
        versions: Newest first.
        manifest: The object itself.
        warnings: Definitions that the API server accepts but that may be mistakes.
    """

    versions: tuple[KindVersion, ...]
    manifest: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """API group."""
        return self.versions[0].definition.identity.group

    @property
    def plural(self) -> str:
        """Plural name."""
        return self.versions[0].definition.identity.plural

    @property
    def file_name(self) -> str:
        """Name of its file below config/crd/bases, as controller-gen names it."""
        return f"{self.group}_{self.plural}.yaml"


def build_crds(
    models: Iterable[type[CustomResource]],
    *,
    check: bool = True,
    max_description: int | None = None,
    source: Callable[[type], str] | None = None,
) -> list[CustomResourceDefinition]:
    """Return the CRDs of a project's kinds, sorted by group and plural.

    Args:
        models: Classes decorated with ``@resource``.
        check: False leaves the checks to the API server; for tests of the checks.
        max_description: Maximum number of characters of a description in the CRD; 0 leaves descriptions out, None keeps
            them whole.
        source: Returns the file in which a model is defined; it then precedes messages about the model.

    Raises:
        DefinitionError: The API server would reject a type; the message names model and field.
    """
    kinds: dict[tuple[str, str], list[KindVersion]] = defaultdict(list)
    for model in models:
        definition = resource_definition(model)
        if definition is None:
            raise DefinitionError(f"{model.__qualname__} is not decorated with @resource(...)")
        try:
            version = _kind_version(model, definition, check=check)
        except DefinitionError as error:
            if source is None:
                raise
            raise DefinitionError(f"{source(model)}: {error}") from None
        except Exception as error:  # an error of a library, or of the project's code
            if source is None:
                raise
            raise DefinitionError(f"{source(model)}: {model.__qualname__}: {explain(error)}") from error
        kinds[definition.identity.group, definition.identity.kind].append(version)
    if check:
        _check_names([version for versions in kinds.values() for version in versions])
    crds = [_merge(versions, check=check, max_description=max_description) for versions in kinds.values()]
    return sorted(crds, key=lambda crd: (crd.group, crd.plural))


def _kind_version(model: type[CustomResource], definition: ResourceDefinition, *, check: bool) -> KindVersion:
    schema = resource_schema(model)
    warnings: list[str] = []
    if check:
        warnings += check_resource(schema, status=definition.status)
        warnings += check_definition(model.__name__, definition, schema)
    return KindVersion(model, definition, schema, tuple(warnings))


def _merge(versions: Sequence[KindVersion], *, check: bool, max_description: int | None) -> CustomResourceDefinition:
    newest_first = sorted(versions, key=lambda v: version_priority(v.definition.identity.version), reverse=True)
    storage = _storage_version(newest_first) if check else _marked(newest_first)
    if check:
        _check_agreement(newest_first)
    first = newest_first[0].definition
    identity = first.identity
    names: dict[str, Any] = {
        "kind": identity.kind,
        "listKind": first.list_kind,
        "plural": identity.plural,
        "singular": first.singular,
    }
    # What one version alone says holds for all, as the API server has one list.
    if categories := next((v.definition.categories for v in newest_first if v.definition.categories), ()):
        names["categories"] = list(categories)
    if short_names := next((v.definition.short_names for v in newest_first if v.definition.short_names), ()):
        names["shortNames"] = list(short_names)
    manifest = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": _metadata(newest_first),
        "spec": {
            "group": identity.group,
            "names": names,
            "scope": "Namespaced" if identity.namespaced else "Cluster",
            "versions": [_version(v, v.definition.identity.version in storage, max_description) for v in newest_first],
        },
    }
    warnings = [warning for version in newest_first for warning in version.warnings]
    warnings += _check_size(newest_first[0], manifest)
    return CustomResourceDefinition(tuple(newest_first), manifest, tuple(warnings))


def _metadata(versions: Sequence[KindVersion]) -> dict[str, Any]:
    identity = versions[0].definition.identity
    annotations: dict[str, str] = {VERSION_ANNOTATION: __version__}
    labels: dict[str, str] = {}
    for version in reversed(versions):
        annotations |= version.definition.annotations
        labels |= version.definition.labels
    metadata: dict[str, Any] = {"name": f"{identity.plural}.{identity.group}", "annotations": annotations}
    if labels:
        metadata["labels"] = labels
    return metadata


def _version(version: KindVersion, storage: bool, max_description: int | None) -> dict[str, Any]:
    definition = version.definition
    schema = version.schema if max_description is None else trim_descriptions(version.schema, max_description)
    content: dict[str, Any] = {
        "name": definition.identity.version,
        "served": definition.served,
        "storage": storage,
        "schema": {"openAPIV3Schema": plain(schema)},
    }
    if definition.columns:
        content["additionalPrinterColumns"] = [_column(column) for column in definition.columns]
    if definition.deprecated:
        content["deprecated"] = True
    if definition.deprecation_warning:
        content["deprecationWarning"] = definition.deprecation_warning
    if definition.selectable_fields:
        content["selectableFields"] = [{"jsonPath": path} for path in definition.selectable_fields]
    subresources: dict[str, Any] = {}
    if definition.status:
        subresources["status"] = {}
    if definition.scale is not None:
        subresources["scale"] = {
            "specReplicasPath": definition.scale.spec_replicas_path,
            "statusReplicasPath": definition.scale.status_replicas_path,
        }
        if definition.scale.label_selector_path:
            subresources["scale"]["labelSelectorPath"] = definition.scale.label_selector_path
    if subresources:
        content["subresources"] = subresources
    return content


def _column(column: PrinterColumn) -> dict[str, Any]:
    content: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.json_path}
    if column.format:
        content["format"] = column.format
    if column.description:
        content["description"] = column.description
    if column.priority:
        content["priority"] = column.priority
    return content


def _marked(versions: Sequence[KindVersion]) -> set[str]:
    return {v.definition.identity.version for v in versions if v.definition.storage}


def _storage_version(newest_first: Sequence[KindVersion]) -> set[str]:
    kind = newest_first[0].definition.identity.kind
    stored = stored_version({v.definition.identity.version: v.definition.storage for v in newest_first})
    if stored is not None:
        return {stored}
    marked = sorted(_marked(newest_first))
    if marked:
        raise DefinitionError(f"{kind}: versions {' and '.join(marked)} both have storage=True: one version is stored")
    raise DefinitionError(f"{kind}: every version has storage=False: one version must be stored")


def _check_agreement(versions: Sequence[KindVersion]) -> None:
    first = versions[0]
    seen: dict[str, KindVersion] = {}
    for version in versions:
        definition, identity = version.definition, version.definition.identity
        if identity.version in seen:
            raise DefinitionError(
                f"{identity.kind}: {_module(seen[identity.version])} and {_module(version)} "
                f"both define version {identity.version}"
            )
        seen[identity.version] = version
        for argument, value, expected in (
            ("plural", identity.plural, first.definition.identity.plural),
            ("singular", definition.singular, first.definition.singular),
            ("list_kind", definition.list_kind, first.definition.list_kind),
            ("scope", identity.namespaced, first.definition.identity.namespaced),
        ):
            if value != expected:
                raise _disagreement(argument, version, first)
        for argument, own, of_first in (
            ("labels", definition.labels, first.definition.labels),
            ("annotations", definition.annotations, first.definition.annotations),
        ):
            for key in own.keys() & of_first.keys():
                if own[key] != of_first[key]:
                    raise DefinitionError(f"{identity.kind}: @resource {argument} {key!r} differs between versions")

    for argument in ("short_names", "categories"):
        stated = [version for version in versions if getattr(version.definition, argument)]
        for version in stated[1:]:
            if getattr(version.definition, argument) != getattr(stated[0].definition, argument):
                raise _disagreement(argument, version, stated[0], cure="equal in all, or in one only")


def _disagreement(argument: str, one: KindVersion, other: KindVersion, cure: str = "equal in all") -> DefinitionError:
    identity = one.definition.identity
    return DefinitionError(
        f"{identity.kind}: @resource {argument} of {identity.version} and {other.definition.identity.version} differ: "
        f"all versions of a kind share it, so set it {cure}: {_module(one)}, {_module(other)}"
    )


def _check_names(versions: Sequence[KindVersion]) -> None:
    """Two kinds of a group cannot share a name: the API server would accept both and serve one."""
    owners: dict[tuple[str, str], str] = {}
    for version in versions:
        definition = version.definition
        identity = definition.identity
        for name in {identity.plural, definition.singular, *definition.short_names}:
            owner = owners.setdefault((identity.group, name), identity.kind)
            if owner != identity.kind:
                raise DefinitionError(
                    f"{identity.kind}: the name {name!r} is taken by {owner} of the same group: "
                    "set plural=, singular= or short_names= in @resource"
                )


def _check_size(newest: KindVersion, manifest: dict[str, Any]) -> tuple[str, ...]:
    size = len(json.dumps(manifest, separators=(",", ":")).encode())
    kind = newest.definition.identity.kind
    if size > STORAGE_LIMIT:
        raise DefinitionError(
            f"{kind}: its CRD has {size // 1024} KiB, and etcd stores at most {STORAGE_LIMIT // 1024}: "
            "embed fewer Kubernetes types, or declare them as Annotated[dict[str, Any], PreserveUnknownFields()]"
        )
    if size > ANNOTATION_LIMIT:
        limit = ANNOTATION_LIMIT // 1024
        warning = (
            f"{kind}: its CRD has {size // 1024} KiB, and plain 'kubectl apply' accepts at most {limit}; "
            "'make install' is not affected: it uses server-side apply"
        )
        return (warning,)
    return ()


def _module(version: KindVersion) -> str:
    return f"{version.model.__module__}.{version.model.__qualname__}"
