"""Scaffolds a project from one of kubebuilder or operator-sdk: what `kaiwuctl import project` does.

The new project is built in a temporary folder, with the steps that a person would take: init, import crd, create api
and create webhook. Then one plan carries all of its files over, or none.
"""

from __future__ import annotations

import contextlib
import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaiwuctl.console import say
from kaiwuctl.errors import UsageError
from kaiwuctl.importer.go_project import GoProject, GoResource, read_go_project
from kaiwuctl.names.project import REPO_RULES
from kaiwuctl.names.rule import quoted
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.presence import FILE_NAME
from kaiwuctl.scaffold.api import create_options, plan_api
from kaiwuctl.scaffold.api_request import APIRequest
from kaiwuctl.scaffold.decision import APIDecision, decide
from kaiwuctl.scaffold.execute import execute_plan
from kaiwuctl.scaffold.external import read_external_type
from kaiwuctl.scaffold.generated_files import generated_content
from kaiwuctl.scaffold.import_crd import CRDRequest, plan_crd
from kaiwuctl.scaffold.import_permissions import add_permissions
from kaiwuctl.scaffold.import_remainder import LIST_FILE, Remainder, list_the_rest, listing
from kaiwuctl.scaffold.init_request import InitRequest
from kaiwuctl.scaffold.interruption import in_scratch
from kaiwuctl.scaffold.make import run_make
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.project import scaffold_project
from kaiwuctl.scaffold.record import Record, add_record
from kaiwuctl.scaffold.render import RenderedFile
from kaiwuctl.scaffold.scratch import scratch_folder
from kaiwuctl.scaffold.webhook import scaffold_webhook
from kaiwuctl.scaffold.webhook_request import WebhookRequest
from kaiwuctl.scaffold.write import write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WEBHOOK_FLAGS: Final = {"defaulting": "--defaulting", "validation": "--validation", "conversion": "--conversion"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRequest:
    """The flags of `kaiwuctl import project`.

    Attributes:
        folder: Of the other project.
        project_name: None takes the other project's.
        owner: Copyright holder; None for none.
        license_name: None for the default.
    """

    folder: Path
    project_name: str | None = None
    owner: str | None = None
    license_name: str | None = None


def import_project(root: Path, request: ProjectRequest, *, make: bool, dry_run: bool, verbose: bool) -> None:
    """Scaffold in `root` what another project is in Python.

    Args:
        root: The folder of the new project.
        request: The values of the flags.
        make: Run the new project's generators afterwards.
        dry_run: Print the plan and write nothing.
        verbose: Print the files that stay as they are, too.

    Raises:
        KaiwuctlError: It cannot be done; nothing was changed. Or `make` failed, when everything was written.
    """
    folder = Path(os.path.realpath(request.folder))
    if folder == Path(os.path.realpath(root)):
        raise UsageError(f"{request.folder}: is this directory; run the command in an empty one beside that project")
    go = read_go_project(request.folder)
    remainder = Remainder()
    with in_scratch(), scratch_folder() as scratch:
        files = _build(scratch / "project", go, request, remainder)

    def make_plan() -> tuple[Plan, None]:
        plan = Plan(root)
        for file in files:
            # What `make manifests` has written since is not the work of a user, and it is not written here.
            plan.add(file, recorded=generated_content(root, file.path) is not None)
        return plan, None

    def afterwards(_: None) -> None:
        say()
        if remainder.permissions:
            say(f"Permissions that were not carried over: {len(remainder.permissions)}")
        say(f"Left to do, as {LIST_FILE} lists it: {len(remainder.lines)}")
        for line in remainder.lines[:10]:
            say(f"  - {line}")
        if make:
            run_make(root)

    execute_plan(root, make_plan, afterwards, dry_run=dry_run, verbose=verbose)


def _build(scratch: Path, go: GoProject, request: ProjectRequest, remainder: Remainder) -> list[RenderedFile]:
    scratch.mkdir()
    asked = InitRequest(
        domain=go.domain,
        project_name=request.project_name or go.name,
        repo=_repo(go, remainder),
        owner=request.owner,
        license_name=request.license_name,
        multigroup=go.multigroup,
        namespaced=go.namespaced,
    )
    with _quiet():
        scaffold_project(scratch, asked, dry_run=False, verbose=False)
        _add_apis(scratch, go, request.folder, remainder)
        _add_webhooks(scratch, go, remainder)
    add_permissions(scratch, go, remainder)
    list_the_rest(go, remainder)
    found = [
        RenderedFile(path.relative_to(scratch).as_posix(), path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in sorted(scratch.rglob("*"))
        if path.is_file()
    ]
    return [*found, RenderedFile(LIST_FILE, listing(go, remainder).encode())]


def _repo(go: GoProject, remainder: Remainder) -> str | None:
    """Return where the project lives; None where that is a Go module that no URL belongs to: ``shop``."""
    if go.repo and not all(rule.holds(go.repo) for rule in REPO_RULES):
        remainder.add(
            f"{FILE_NAME}: the repo {quoted(go.repo)} is not a host and a path; write the address of the repository "
            f"into {FILE_NAME}, at repo, and into README.md"
        )
        return None
    return go.repo or None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the single steps say from the user, who has asked for one command."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _add_apis(scratch: Path, go: GoProject, folder: Path, remainder: Remainder) -> None:
    project_file, written, plan = ProjectFile.load(scratch), Record.load(scratch), Plan(scratch)
    kinds: dict[tuple[str, str], list[GoResource]] = {}
    for entry in go.resources:
        if entry.api:
            kinds.setdefault((entry.qualified_group, entry.kind), []).append(entry)
    for (group, kind), entries in kinds.items():
        names = [name for entry in entries for name in entry.controllers]
        crd = go.crds.get((group, kind))
        if crd is None:
            _add_without_crd(plan, project_file, written, entries, remainder)
            continue
        in_crd = {version.get("name") for version in crd["spec"].get("versions") or ()}
        wanted = tuple(entry.version for entry in entries if entry.version in in_crd)
        source = str(folder / "config/crd/bases" / f"{group}_{crd['spec']['names'].get('plural')}.yaml")
        asked = CRDRequest(source=source, versions=wanted or None, controller=bool(names))
        imported = plan_crd(plan, project_file, written, crd, asked, samples=go.samples)
        for note in imported.notes:
            remainder.add(f"{kind}: {note}")
        for name in names[1:]:
            _add_controller(plan, project_file, written, entries[0], name)
    for entry in go.resources:
        if not entry.api and entry.controllers:
            _add_foreign(plan, project_file, written, entry, remainder)
    add_record(plan, written)
    plan.check()
    write(scratch, list(plan.changes()))


def _add_without_crd(
    plan: Plan, project_file: ProjectFile, written: Record, entries: list[GoResource], remainder: Remainder
) -> None:
    for position, entry in enumerate(entries):
        asked = APIRequest(
            group=entry.group,
            version=entry.version,
            kind=entry.kind,
            plural=entry.plural or None,
            namespaced=entry.namespaced,
            controller=position == 0 and any(each.controllers for each in entries),
            domain=entry.domain,
            resource=True,
            imported=True,
        )
        _planned(plan, project_file, written, decide(asked, project_file.project))
        remainder.add(
            f"{entry.kind} {entry.version}: config/crd/bases has no CRD of it, so its type is an example; run `make "
            "manifests` there, and `kaiwuctl import crd FILE --force` here"
        )


def _add_controller(plan: Plan, project_file: ProjectFile, written: Record, entry: GoResource, name: str) -> None:
    asked = APIRequest(
        group=entry.group,
        version=entry.version,
        kind=entry.kind,
        resource=False,
        controller=True,
        controller_name=name,
    )
    _planned(plan, project_file, written, decide(asked, project_file.project), {"types.py.jinja": b""})


def _add_foreign(
    plan: Plan, project_file: ProjectFile, written: Record, entry: GoResource, remainder: Remainder
) -> None:
    """Add a controller of a kind that is Kubernetes' own or another project's."""
    asked = APIRequest(
        group=entry.group or "core",
        version=entry.version,
        kind=entry.kind,
        resource=False,
        controller=True,
        domain=entry.domain if entry.external else None,
        untyped=entry.external,
    )
    try:
        external = read_external_type(plan.root, asked)
        _planned(plan, project_file, written, decide(asked, project_file.project, external))
    except UsageError as error:
        remainder.add(f"{entry.kind} {entry.version}: no controller was made: {error.message}")
        return
    if entry.external:
        remainder.add(f"{entry.kind} {entry.version}: is untyped; `kaiwuctl import crd --external` gives it a type")


def _planned(
    plan: Plan,
    project_file: ProjectFile,
    written: Record,
    decision: APIDecision,
    contents: Mapping[str, bytes] | None = None,
) -> None:
    plan_api(plan, project_file, decision, written, contents)
    options = create_options(decision)
    if options not in written.create:
        written.create.append(options)


def _add_webhooks(scratch: Path, go: GoProject, remainder: Remainder) -> None:
    for entry in go.resources:
        if not entry.webhooks:
            continue
        flags = " ".join(_WEBHOOK_FLAGS[word] for word in entry.webhooks)
        what = f"{entry.kind} {entry.version}: webhooks ({', '.join(entry.webhooks)})"
        asked = WebhookRequest(
            group=entry.group,
            version=entry.version,
            kind=entry.kind,
            defaulting="defaulting" in entry.webhooks,
            validation="validation" in entry.webhooks,
            conversion="conversion" in entry.webhooks,
            spokes=entry.spokes or None,
        )
        try:
            scaffold_webhook(scratch, asked, force=False, make=False, dry_run=False, verbose=False)
        except UsageError as error:
            remainder.add(f"{what}: no stubs were made: {error.message}; `kaiwuctl create webhook {flags}` makes them")
            continue
        remainder.add(f"{what}: the stubs do nothing yet")
