"""A custom resource definition as API types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from kaiwu_runtime import api as runtime_api
from kaiwu_runtime.generator._versions import version_priority
from kaiwuctl.errors import CRDError
from kaiwuctl.importer.acceptance import check_version
from kaiwuctl.importer.checking import check_crd
from kaiwuctl.importer.expressions import Call, Expression, Model, ModelField
from kaiwuctl.importer.layout import Text
from kaiwuctl.importer.module import module_text
from kaiwuctl.importer.object_markers import add_model_markers
from kaiwuctl.importer.schema_difference import difference
from kaiwuctl.importer.types import Recognise, TypeBuilder, description_of
from kaiwuctl.importer.vocabulary import without_empty
from kaiwuctl.names.plural import plural_of

_ROOT: Final = frozenset({"apiVersion", "kind", "metadata"})
_NOT_TAKEN_OVER: Final = frozenset(
    {
        "controller-gen.kubebuilder.io/version",
        "kubectl.kubernetes.io/last-applied-configuration",
        "python.kaiwuctl.io/generator-version",
    }
)
_LONGEST_SUMMARY: Final = 110
_RESERVED: Final = {*runtime_api.__all__, "Annotated", "Any", "Field", "Literal"}


@dataclass(frozen=True, slots=True)
class ImportedVersion:
    """One version of a kind.

    Attributes:
        name: ``v1beta1``.
        module: The text of its module.
        schema: Its schema, as in the CRD.
        storage: Whether it is the stored one.
    """

    name: str
    module: str
    schema: dict[str, Any]
    storage: bool


@dataclass(frozen=True, slots=True)
class ImportedKind:
    """A kind whose types were made from a CRD.

    Attributes:
        group: As the API server knows it.
        kind: ``Certificate``.
        class_name: Of its class: the kind, with an upper-case letter in front.
        plural: ``certificates``.
        namespaced: Scope of its objects.
        versions: Newest first.
        notes: What the types do not say, one line each.
    """

    group: str
    kind: str
    class_name: str
    plural: str
    namespaced: bool
    versions: tuple[ImportedVersion, ...]
    notes: tuple[str, ...] = field(default=())


def import_crd(
    crd: dict[str, Any],
    *,
    versions: tuple[str, ...] | None = None,
    external: bool = False,
    header: str = "",
    recognise: Recognise | None = None,
    class_of: Callable[[str], str] | None = None,
    check: bool = True,
) -> ImportedKind:
    """Return the types of a CRD.

    Args:
        crd: The object, of ``apiextensions.k8s.io/v1``; it is not changed.
        versions: The versions to import; None for all.
        external: The types are those of another project: the generator writes no CRD for them.
        header: Licence header of the modules as ``#`` lines; may be empty.
        recognise: Returns the type of an object that Kubernetes defines, None for any other; see
            `kubernetes.recogniser`.
        class_of: Returns the name of a kind's class; None for the kind with an upper-case letter in front.
        check: False takes over what the API server or the generator would reject; for tests of what is written.

    Raises:
        CRDError: It is not a CRD, or has no such version; the message is one line without the name of its file.
    """
    check_crd(crd)
    spec = crd["spec"]
    names = spec["names"]
    group, kind, plural = spec["group"], names["kind"], names["plural"]
    known = {version["name"]: version for version in spec["versions"]}
    wanted = tuple(known) if versions is None else versions
    for version in wanted:
        if version not in known:
            raise CRDError(f"{plural}.{group} has no version {version!r}: it has {', '.join(known)}")
    newest_first = sorted(dict.fromkeys(wanted), key=version_priority, reverse=True)
    name = (class_of or class_of_kind)(kind)
    maker = _Maker(crd, name, newest_first[0], external=external, header=header, recognise=recognise, check=check)
    try:
        imported = tuple(maker.version(known[version]) for version in newest_first)
    except RecursionError:
        raise CRDError(f"{plural}.{group}: its schema is nested too deeply") from None
    return ImportedKind(
        group=group,
        kind=kind,
        class_name=name,
        plural=plural,
        namespaced=spec["scope"] == "Namespaced",
        versions=imported,
        notes=tuple(_notes(spec, newest_first)),
    )


def _notes(spec: dict[str, Any], imported: list[str]) -> list[str]:
    notes: list[str] = []
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        notes.append("not expressed: spec.conversion: versions are converted by a webhook, which is code")
    notes += [
        f"version {version['name']} is the stored one and was not imported"
        for version in spec["versions"]
        if version.get("storage") and version["name"] not in imported
    ]
    return notes


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the module of each version of a CRD."""

    crd: dict[str, Any]
    name: str
    newest: str
    external: bool
    header: str
    recognise: Recognise | None
    check: bool

    def version(self, version: dict[str, Any]) -> ImportedVersion:
        """Return one version."""
        group, kind = self.crd["spec"]["group"], self.crd["spec"]["names"]["kind"]
        root = without_empty(_mapping(_mapping(version.get("schema")).get("openAPIV3Schema")))
        builder = TypeBuilder(self.name, _RESERVED, self.recognise)
        model = Model(self.name, description=description_of(root))
        _add_type_fields(model, root)
        builder.model_fields(model, self.name, root, _ROOT)
        status = bool((version.get("subresources") or {}).get("status") is not None)
        _finish_root(model, root, status=status)
        model.resource = self._resource(version, model, status=status)
        if self.check:
            check_version(self.name, version["name"], root, dict(model.resource.keywords), status=status)
        summary = f"{kind}, as {group}/{version['name']} has it; imported from its CRD."
        if len(summary) > _LONGEST_SUMMARY:
            summary = f"{kind}, imported from its CRD."
        return ImportedVersion(
            name=version["name"],
            module=module_text(model, builder.models, summary=summary, header=self.header),
            schema=root,
            storage=bool(version.get("storage")),
        )

    def _resource(self, version: dict[str, Any], model: Model, *, status: bool) -> Call:
        spec, metadata = self.crd["spec"], self.crd.get("metadata") or {}
        newest = version["name"] == self.newest
        keywords: dict[str, Any] = {"group": spec["group"], "version": version["name"]}
        if self.name != spec["names"]["kind"]:
            keywords["kind"] = spec["names"]["kind"]
        keywords |= _names_keywords(spec) | _version_keywords(version, newest=newest)
        if status != any(each.key == "status" for each in model.fields):
            keywords["status"] = status
        annotations = metadata.get("annotations") or {}
        annotations = {key: text for key, text in annotations.items() if key not in _NOT_TAKEN_OVER}
        if newest and not self.external:
            keywords |= {"labels": metadata["labels"]} if metadata.get("labels") else {}
            keywords |= {"annotations": annotations} if annotations else {}
        if self.external:
            keywords["external"] = True
        return Call("resource", (), tuple(keywords.items()))


def class_of_kind(kind: str) -> str:
    """Return the name of a kind's class: the kind, with an upper-case letter in front."""
    return f"{kind[:1].upper()}{kind[1:]}"


def _add_type_fields(model: Model, root: dict[str, Any]) -> None:
    """Repeat apiVersion and kind where the CRD describes them."""
    for attribute, key in (("api_version", "apiVersion"), ("kind", "kind")):
        text = description_of(_mapping(root.get("properties", {}).get(key)))
        if text is not None:
            model.fields.append(ModelField(attribute, key, Expression("str", description=text), Text('""')))


def _finish_root(model: Model, root: dict[str, Any], *, status: bool) -> None:
    """Add what is about the whole object, and what the generator does not write about its first three fields."""
    expected: dict[str, Any] = {"type": "object"}
    add_model_markers(model, root, expected)
    if isinstance(root.get("title"), str):
        model.markers.append(Call("Title", (root["title"],)))
        expected["title"] = root["title"]
    extra = difference(root, expected, {"properties", "required", "description"})
    properties: dict[str, Any] = {}
    for key, kind in (("apiVersion", "string"), ("kind", "string"), ("metadata", "object")):
        found = without_empty(_mapping(root.get("properties", {}).get(key)) or {"type": kind})
        described = set() if key == "metadata" else {"description"}
        if rest := difference(found, {"type": kind}, described):
            properties[key] = rest
    if properties:
        extra["properties"] = properties
    required = set(root.get("required", ()))
    for each in model.fields:
        if each.key == "status" and status and "status" in required:
            # A new object has no status: the generator does not let it be required.
            each.default = each.default or Text("None")
            each.type.optional = each.type.optional or each.default.flat() == "None"
            extra["required"] = sorted(required)
    if required - {each.key for each in model.fields if each.key not in _ROOT}:
        extra["required"] = sorted(required)
    if extra:
        model.markers.append(Call("SchemaExtra", (extra,)))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _names_keywords(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the names and the scope, where they are not those that ``@resource`` fills in."""
    names, kind = spec["names"], spec["names"]["kind"]
    keywords: dict[str, Any] = {}
    if names["plural"] != plural_of(kind):
        keywords["plural"] = names["plural"]
    if names.get("singular") and names["singular"] != kind.lower():
        keywords["singular"] = names["singular"]
    if names.get("listKind") and names["listKind"] != f"{kind}List":
        keywords["list_kind"] = names["listKind"]
    if spec["scope"] != "Namespaced":
        keywords["scope"] = spec["scope"]
    if names.get("shortNames"):
        keywords["short_names"] = names["shortNames"]
    if names.get("categories"):
        keywords["categories"] = names["categories"]
    return keywords


def _version_keywords(version: dict[str, Any], *, newest: bool) -> dict[str, Any]:
    keywords: dict[str, Any] = {}
    if version.get("storage") and not newest:
        keywords["storage"] = True
    if not version.get("served", True):
        keywords["served"] = False
    if version.get("deprecated"):
        keywords["deprecated"] = version.get("deprecationWarning") or True
    scale = (version.get("subresources") or {}).get("scale")
    if scale:
        paths = [scale[word] for word in ("specReplicasPath", "statusReplicasPath")]
        selector = scale.get("labelSelectorPath")
        keywords["scale"] = Call("Scale", (*paths, *([selector] if selector else ())))
    columns = [_column(column) for column in version.get("additionalPrinterColumns") or ()]
    if columns:
        keywords["columns"] = columns
    selectable = [each["jsonPath"] for each in version.get("selectableFields") or ()]
    if selectable:
        keywords["selectable_fields"] = selectable
    return keywords


def _column(column: dict[str, Any]) -> Call:
    words = {"type": column["type"]} if column["type"] != "string" else {}
    words |= {word: column[word] for word in ("format", "description", "priority") if column.get(word)}
    return Call("PrinterColumn", (column["name"], column["jsonPath"]), tuple(words.items()))
