"""The files of one API: `API_FILES` has a row for each file of `kaiwuctl create api`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from kaiwuctl.scaffold import api_conditions
from kaiwuctl.scaffold.files import FileRow, Owner, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaiwuctl.scaffold.context import APIContext


IMAGE_PATCH: Final = "image_patch.yaml.jinja"
"""The template of the file with the image of a kind, which all versions of the kind share."""

API_FILES: Final = (
    FileRow(
        target="api/{group_snake}/__init__.py",
        template="group_package.py.jinja",
        when=api_conditions.group_folder,
        owner=Owner.GROUP,
        policy=Policy.ONCE,
    ),
    FileRow(
        target="{api_folder}/__init__.py",
        template="version_package.py.jinja",
        when=api_conditions.resource,
        owner=Owner.GROUP,
        policy=Policy.ONCE,
    ),
    FileRow(
        target="{api_folder}/{kind_lower}_types.py",
        template="types.py.jinja",
        when=api_conditions.own_type,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="{api_folder}/{kind_lower}_types.py",
        template="image_types.py.jinja",
        when=api_conditions.image_type,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="config/rbac/{role_prefix}{kind_lower}_admin_role.yaml",
        template="admin_role.yaml.jinja",
        when=api_conditions.resource,
        owner=Owner.KIND,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="config/rbac/{role_prefix}{kind_lower}_editor_role.yaml",
        template="editor_role.yaml.jinja",
        when=api_conditions.resource,
        owner=Owner.KIND,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="config/rbac/{role_prefix}{kind_lower}_viewer_role.yaml",
        template="viewer_role.yaml.jinja",
        when=api_conditions.resource,
        owner=Owner.KIND,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="config/crd/bases/{qualified_group}_{plural}.yaml",
        template="crd.yaml.jinja",
        when=api_conditions.resource,
        owner=Owner.KIND,
        policy=Policy.ONCE,
    ),
    FileRow(
        target="config/samples/{sample_name}.yaml",
        template="sample.yaml.jinja",
        when=api_conditions.resource,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="config/manager/{role_prefix}{kind_lower}_image.yaml",
        template=IMAGE_PATCH,
        when=api_conditions.image_controller,
        owner=Owner.CONTROLLER,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="{controller_folder}/__init__.py",
        template="controller_package.py.jinja",
        when=api_conditions.controller,
        owner=Owner.GROUP,
        policy=Policy.ONCE,
    ),
    FileRow(
        target="{controller_folder}/{controller_module_name}.py",
        template="controller.py.jinja",
        when=api_conditions.plain_controller,
        owner=Owner.CONTROLLER,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="{controller_folder}/{controller_module_name}.py",
        template="image_controller.py.jinja",
        when=api_conditions.image_controller,
        owner=Owner.CONTROLLER,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="tests/test_{role_prefix}{version}_{kind_lower}.py",
        template="test_image.py.jinja",
        when=api_conditions.image_test,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="tests/test_{role_prefix}{version}_{kind_lower}.py",
        template="test_controller.py.jinja",
        when=api_conditions.both,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="tests/test_{role_prefix}{version}_{kind_lower}.py",
        template="test_imported.py.jinja",
        when=api_conditions.imported,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
    ),
    FileRow(
        target="api/external/__init__.py",
        template="external_package.py.jinja",
        when=api_conditions.external_module,
        owner=Owner.GROUP,
        policy=Policy.ONCE,
        of_type=True,
    ),
    FileRow(
        target="api/external/{qualified_group_snake}/__init__.py",
        template="group_package.py.jinja",
        when=api_conditions.external_module,
        owner=Owner.GROUP,
        policy=Policy.ONCE,
        of_type=True,
    ),
    FileRow(
        target="{api_folder}/__init__.py",
        template="version_package.py.jinja",
        when=api_conditions.external_module,
        owner=Owner.GROUP,
        policy=Policy.ONCE,
        of_type=True,
    ),
    FileRow(
        target="{api_folder}/{kind_lower}_types.py",
        template="untyped_types.py.jinja",
        when=api_conditions.external_module,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
        of_type=True,
    ),
    FileRow(
        target="tests/test_external_{qualified_group_snake}_{version}_{kind_lower}.py",
        template="test_external.py.jinja",
        when=api_conditions.external_controller,
        owner=Owner.VERSION,
        policy=Policy.CREATE,
        of_type=True,
    ),
    FileRow(
        target="tests/crds/{qualified_group}_{plural}.yaml",
        when=api_conditions.external,
        owner=Owner.KIND,
        policy=Policy.VERSIONS,
        of_type=True,
    ),
    FileRow(
        target="config/crd/kustomization.yaml",
        template="crd_kustomization.yaml",
        when=api_conditions.resource,
        owner=Owner.PROJECT,
        policy=Policy.MERGE,
        entries=("bases/{qualified_group}_{plural}.yaml",),
    ),
    FileRow(
        target="config/samples/kustomization.yaml",
        template="samples_kustomization.yaml",
        when=api_conditions.resource,
        owner=Owner.PROJECT,
        policy=Policy.MERGE,
        entries=("{sample_name}.yaml",),
    ),
    FileRow(
        target="config/rbac/kustomization.yaml",
        when=api_conditions.resource,
        owner=Owner.PROJECT,
        policy=Policy.MERGE,
        entries=(
            "{role_prefix}{kind_lower}_admin_role.yaml",
            "{role_prefix}{kind_lower}_editor_role.yaml",
            "{role_prefix}{kind_lower}_viewer_role.yaml",
        ),
    ),
    FileRow(
        target="config/manager/kustomization.yaml",
        when=api_conditions.image_controller,
        owner=Owner.CONTROLLER,
        policy=Policy.MERGE,
        key="patches",
        entries=("{role_prefix}{kind_lower}_image.yaml",),
    ),
    FileRow(
        target="config/default/kustomization.yaml",
        when=api_conditions.resource,
        owner=Owner.PROJECT,
        policy=Policy.MERGE,
        entries=("../crd",),
    ),
)


@dataclass(frozen=True, slots=True)
class APIFile:
    """A row of the table for one API.

    Attributes:
        path: Relative to the project, with slashes.
        row: The row.
        entries: What a kustomization lists.
    """

    path: str
    row: FileRow
    entries: tuple[str, ...]


def files_of(context: APIContext) -> Iterator[APIFile]:
    """Return the files that belong to an API, in the order of the table.

    Args:
        context: The API, and what of it is scaffolded.
    """
    variables = asdict(context)
    for row in API_FILES:
        if row.when(context):
            entries = tuple(entry.format_map(variables) for entry in row.entries)
            yield APIFile(row.target.format_map(variables), row, entries)
