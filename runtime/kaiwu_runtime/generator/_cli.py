"""``python -m kaiwu_runtime.generator``: manifests and documents from a project's types and decorators."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from kaiwu_runtime.errors import ConfigurationError, DefinitionError
from kaiwu_runtime.generator import _json_schema as json_schema
from kaiwu_runtime.generator import _reference as reference
from kaiwu_runtime.generator import _yaml_output as yaml_output
from kaiwu_runtime.generator._crd import CustomResourceDefinition, build_crds
from kaiwu_runtime.generator._discovery import find_name_clashes, find_resources, find_rules, find_webhooks
from kaiwu_runtime.generator._json_schema import editor_schema
from kaiwu_runtime.generator._output import Written, remove_stale, write_files
from kaiwu_runtime.generator._rbac import build_bindings, build_roles, namespace_transformers
from kaiwu_runtime.generator._rbac_verbs import verb_warnings
from kaiwu_runtime.generator._reference import api_reference
from kaiwu_runtime.generator._samples import sample_problems
from kaiwu_runtime.generator._unconverted import unconverted_fields
from kaiwu_runtime.generator._webhook_roles import webhook_certificate_roles
from kaiwu_runtime.generator._webhooks import FoundWebhooks, build_webhook_configurations, with_conversions
from kaiwu_runtime.generator._yaml_output import to_yaml

_API = Path("api")
_CONTROLLERS = Path("controllers")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m kaiwu_runtime.generator", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    manifests = commands.add_parser(
        "manifests", help="write the CRDs, the webhook configurations and the role of the manager"
    )
    manifests.add_argument("--api", type=Path, help="directory of the *_types.py files (default: api)")
    manifests.add_argument("--controllers", type=Path, help="directory of the reconcilers (default: controllers)")
    manifests.add_argument("--crd-dir", type=Path, default=Path("config/crd/bases"), help="default: %(default)s")
    manifests.add_argument("--role-file", type=Path, default=Path("config/rbac/role.yaml"), help="default: %(default)s")
    manifests.add_argument(
        "--webhook-file", type=Path, default=Path("config/webhook/manifests.yaml"), help="default: %(default)s"
    )
    manifests.add_argument(
        "--webhook-role-file",
        type=Path,
        default=Path("config/webhook/role.yaml"),
        help="permissions to write certificates into the webhook configurations and CRDs (default: %(default)s)",
    )
    manifests.add_argument("--samples", type=Path, default=Path("config/samples"), help="default: %(default)s")
    manifests.add_argument("--role-name", default="manager-role", help="default: %(default)s")
    manifests.add_argument(
        "--role-namespaces-file",
        type=Path,
        default=Path("config/default/role_namespaces.yaml"),
        help="kustomize transformers for roles in other namespaces (default: %(default)s)",
    )
    manifests.add_argument("--namespaced", action="store_true", help="write a Role instead of a ClusterRole")
    manifests.add_argument(
        "--max-description",
        type=_length,
        metavar="N",
        help="truncate descriptions in the CRDs to N characters (0: leave them out)",
    )
    manifests.add_argument(
        "--server",
        action="store_true",
        help="validate the CRDs with a dry run on the API server of the current kubeconfig before writing them",
    )
    manifests.set_defaults(run=write_manifests)
    generate = commands.add_parser("generate", help="write JSON Schemas for editors and the API reference")
    generate.add_argument("--api", type=Path, help="directory of the *_types.py files (default: api)")
    generate.add_argument("--output", type=Path, default=Path("docs/api"), help="default: %(default)s")
    generate.add_argument("--header-file", type=Path, help="file with the licence header for generated files")
    generate.set_defaults(run=write_documents)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for a failure, 2 for wrong usage."""
    options = parser().parse_args(arguments)
    try:
        written: list[Written] = options.run(options)
    except (ConfigurationError, DefinitionError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - a command line
        return 1
    for result in written:
        print(f"{result.action:<9} {result.path}")  # noqa: T201 - a command line
    return 0


def write_manifests(options: argparse.Namespace) -> list[Written]:
    """Write the CRDs, the webhook configurations and the roles."""
    crds = _crds(options.api, options.max_description)
    # Here and not in `write_documents`: they are about the CRDs, and most targets of make run both.
    for warning in (warning for crd in crds for warning in crd.warnings):
        _warn(warning)
    controllers = _folder(options.controllers, _CONTROLLERS, "--controllers")
    found = find_webhooks(controllers, Path.cwd()) if controllers else FoundWebhooks()
    crds = with_conversions(crds, found.conversions)
    if options.server:
        from kaiwu_runtime.generator._server_check import check_on_server  # noqa: PLC0415 - it imports the client

        check_on_server(crds)
    rules = find_rules(controllers, Path.cwd()) if controllers else []
    roles = build_roles(rules, role_name=options.role_name, namespaced=options.namespaced)
    files = {options.crd_dir / crd.file_name: to_yaml([crd.manifest]) for crd in crds}
    files[options.role_file] = to_yaml([*roles, *build_bindings(roles, role_name=options.role_name)])
    transformers = namespace_transformers(roles)
    if transformers or options.role_namespaces_file.exists():
        files[options.role_namespaces_file] = to_yaml(transformers)
    if transformers:
        _warn_of_missing_transformers(options.role_namespaces_file)
    files |= _webhook_files(options, found)
    written = write_files(files)
    clashes = find_name_clashes(controllers, Path.cwd()) if controllers else []
    for problem in (
        *unconverted_fields(crds),
        *clashes,
        *verb_warnings(rules),
        *sample_problems(options.samples, crds),
    ):
        _warn(problem)
    mark = yaml_output.GENERATED.strip()
    return written + remove_stale(options.crd_dir, "*.yaml", files, mark)


def _webhook_files(options: argparse.Namespace, found: FoundWebhooks) -> dict[Path, str]:
    """Return the webhook configurations, and the role to write certificates into them where the project has one."""
    file, role = options.webhook_file, options.webhook_role_file
    configurations = build_webhook_configurations(found.webhooks, namespaced=options.namespaced)
    files: dict[Path, str] = {}
    if configurations and file.exists() and not _is_generated(file):
        raise ConfigurationError(
            f"{file} was not written by `make manifests`: move what you need of it to the arguments of @mutating and "
            "@validating, and remove it"
        )
    if configurations or _is_generated(file):
        files[file] = to_yaml(configurations)
    if configurations and not file.with_name("kustomization.yaml").exists():
        _warn(f"{file.with_name('kustomization.yaml')} does not exist: `kaiwuctl create webhook` writes it")
    if _is_generated(role):
        files[role] = to_yaml(webhook_certificate_roles(configurations, found.conversions))
    return files


def _is_generated(file: Path) -> bool:
    """Whether a file is one that this program writes."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="utf-8").startswith(yaml_output.GENERATED)
    return False


def _warn_of_missing_transformers(file: Path) -> None:
    """Warn when the kustomization beside the transformers does not list them, as in projects made before."""
    kustomization = file.with_name("kustomization.yaml")
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if file.name not in kustomization.read_text(encoding="utf-8"):
            _warn(
                f"{kustomization}: kustomize moves the roles of @rbac(namespace=...) into the operator's namespace: "
                f"add {file.name} to its transformers"
            )


def _warn(warning: str) -> None:
    print(f"warning: {warning}", file=sys.stderr)  # noqa: T201 - a command line


def write_documents(options: argparse.Namespace) -> list[Written]:
    """Write the JSON Schemas and the API reference."""
    crds = _crds(options.api)
    header = _header(options.header_file)
    files: dict[Path, str] = {}
    for version in (version for crd in crds for version in crd.versions):
        identity = version.definition.identity
        name = f"{identity.group}_{identity.version}_{identity.kind.lower()}.schema.json"
        files[options.output / name] = editor_schema(version.definition, version.schema, header=header)
    if crds:
        files[options.output / "reference.md"] = api_reference(crds, header=header)
    kept = list(files)
    return [
        *write_files(files),
        *remove_stale(options.output, "*.schema.json", kept, json_schema.GENERATED),
        *remove_stale(options.output, "reference.md", kept, reference.GENERATED),
    ]


def _length(text: str) -> int:
    try:
        length = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"invalid number {text!r}: use 0 or more") from None
    if length < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return length


def _source(model: type) -> str:
    """Return the file of a model, relative to the project's root."""
    file = Path(sys.modules[model.__module__].__file__ or model.__module__)
    return str(file.relative_to(Path.cwd())) if file.is_relative_to(Path.cwd()) else str(file)


def _crds(api: Path | None, max_description: int | None = None) -> list[CustomResourceDefinition]:
    folder = _folder(api, _API, "--api")
    models = find_resources(folder, Path.cwd()) if folder else []
    if not models:
        where = folder or _API
        print(f"no API types yet: no *_types.py file below {where}/ has a kind of this project", file=sys.stderr)  # noqa: T201 - a command line
    return build_crds(models, max_description=max_description, source=_source)


def _folder(given: Path | None, default: Path, flag: str) -> Path | None:
    folder = given or default
    if folder.is_dir():
        if not folder.resolve().is_relative_to(Path.cwd()):
            raise ConfigurationError(f"{flag} {folder}: run this in the root of the project")
        return folder
    if given is not None:
        raise ConfigurationError(f"{flag} {folder}: there is no such directory")
    return None


def _header(file: Path | None) -> str:
    """Return the text of a header file without its comment signs."""
    if file is None:
        return ""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--header-file {file}: {getattr(error, 'strerror', None) or error}") from None
    return "\n".join(line.removeprefix("#").strip() for line in lines).strip()
