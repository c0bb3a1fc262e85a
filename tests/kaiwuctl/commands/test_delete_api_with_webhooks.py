"""`kaiwuctl delete api --with-webhooks`: an API and its webhooks go in one step, or nothing goes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .command_line import CREATE_ONLY, CommandLine, snapshot
from .in_process import built, inside, kaiwuctl, run_generator
from .layouts import make_layouts

KIND = ("--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster")
SECOND = ("--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster")
OTHER = ("--group", "kaiwu", "--version", "v1", "--kind", "KaiwuUser")
PLAIN = ("delete", "api", *KIND, "--make=false")
DELETE = (*PLAIN, "--with-webhooks")
FLAGS = ("--defaulting", "--validation", "--conversion")
MODULE = "controllers/kaiwucluster_webhook.py"
NOTHING = "Nothing to do: PROJECT has no KaiwuCluster of kaiwu/v1; it has no API.\n"

LAYOUTS = [(), ("--multigroup",)]
APIS: dict[tuple[str, ...], tuple[str, ...] | None] = {
    KIND: (),
    SECOND: (),
    OTHER: ("--controller=false",),
    ("--group", "web", "--version", "v1", "--kind", "KaiwuCluster"): ("--controller=false",),
    ("--group", "apps", "--version", "v1", "--kind", "Deployment"): ("--resource=false",),
    ("--group", "cert-manager", "--version", "v1", "--kind", "Certificate"): ("--domain", "io", "--untyped"),
    # A webhook and nothing else.
    ("--group", "core", "--version", "v1", "--kind", "Pod"): None,
}
LATER = (" that the API server stores; ", " is converted to and from it; ")
WEBHOOKS = st.lists(st.sets(st.sampled_from(FLAGS), min_size=1), max_size=2)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Path]:
    """A project of each layout, without an API; copied, never changed."""
    return make_layouts(tmp_path_factory, LAYOUTS, "kaiwu-operator", ("init", "--domain", "inspur.com"))


@pytest.fixture
def hooked(project: CommandLine) -> CommandLine:
    """A project with a kind that has a defaulter and a validator."""
    project.ok(*CREATE_ONLY)
    project.ok("create", "webhook", *KIND, "--defaulting", "--validation", "--make=false")
    return project


def created(identity: tuple[str, ...], webhooks: list[set[str]], certificates: str) -> None:
    """Create an API, if the layout can have it, and those of the webhooks that it can have."""
    more = APIS[identity]
    if more is not None and kaiwuctl("create", "api", *identity, *more, "--make=false").status != 0:
        return
    for flags in webhooks:
        kaiwuctl("create", "webhook", *identity, *sorted(flags), "--certificates", certificates, "--make=false")


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    layout=st.sampled_from(LAYOUTS),
    steps=st.lists(
        st.tuples(st.sampled_from(list(APIS)), WEBHOOKS), min_size=1, max_size=4, unique_by=lambda step: step[0]
    ),
    certificates=st.sampled_from(["self-signed", "cert-manager", "none"]),
    backwards=st.booleans(),
)
def test_create_and_delete_give_back_the_tree(
    layouts: dict[tuple[str, ...], Path],
    tmp_path_factory: pytest.TempPathFactory,
    *,
    layout: tuple[str, ...],
    steps: list[tuple[tuple[str, ...], list[set[str]]]],
    certificates: str,
    backwards: bool,
) -> None:
    """Byte by byte: backwards each step is undone, and in the order of creation nothing is left at the end."""
    folder = tmp_path_factory.mktemp("tree") / "kaiwu-operator"
    shutil.copytree(layouts[layout], folder)
    with inside(folder):
        start, trees, refused = snapshot(folder), [], 0
        for identity, webhooks in steps:
            trees.append((identity, snapshot(folder)))
            created(identity, webhooks, certificates)
        built(folder)
        left = trees[::-1] if backwards else [*trees]
        while left:
            identity, before = left.pop(0)
            answer = kaiwuctl("delete", "api", *identity, "--with-webhooks", "--make=false")
            if left and not backwards and any(reason in answer.errors for reason in LATER):
                # The other version, which comes behind, goes first.
                left.append((identity, before))
                refused += 1
                assert refused < len(trees)
                continue
            assert answer.status == 0, answer
            built(folder)
            if backwards:
                assert snapshot(folder) == before, identity
        assert snapshot(folder) == start


def test_what_stays_in_clusters_is_said(hooked: CommandLine) -> None:
    output = hooked.ok(*DELETE)
    lines = [line for line in output.splitlines() if line.startswith("  kubectl")]
    roles = [f"kaiwu-operator-kaiwucluster-{role}-role" for role in ("admin", "editor", "viewer")]
    assert lines == [
        "  kubectl delete mutatingwebhookconfiguration kaiwu-operator-mutating-webhook-configuration",
        "  kubectl delete validatingwebhookconfiguration kaiwu-operator-validating-webhook-configuration",
        "  kubectl delete service --namespace kaiwu-operator-system kaiwu-operator-webhook-service",
        "  kubectl delete customresourcedefinition kaiwuclusters.kaiwu.inspur.com",
        f"  kubectl delete clusterrole {' '.join(roles)}",
    ]


def test_with_what_the_generator_writes(project: CommandLine) -> None:
    """And without webhooks the flag changes nothing."""
    folder = project.folder
    run_generator(folder)
    before = snapshot(folder)
    for flags in ((), ("--defaulting", "--validation")):
        project.ok(*CREATE_ONLY)
        if flags:
            project.ok("create", "webhook", *KIND, *flags, "--make=false")
        run_generator(folder)
        project.ok(*DELETE)
        run_generator(folder)
        after = snapshot(folder)
        after.pop("docs", None) if "docs" not in before else None
        assert after == before


def test_the_same_again_changes_nothing(project: CommandLine) -> None:
    before = snapshot(project.folder)
    project.ok(*CREATE_ONLY)
    project.ok("create", "webhook", *KIND, "--validation", "--make=false")
    project.ok(*DELETE)
    assert snapshot(project.folder) == before
    assert project.ok(*DELETE) == NOTHING
    assert snapshot(project.folder) == before


def test_without_the_flag_it_is_named(hooked: CommandLine) -> None:
    before = snapshot(hooked.folder)
    assert hooked.refused(*PLAIN, status=2) == (
        "error: --version 'v1': PROJECT has webhooks of KaiwuCluster v1; pass --with-webhooks to delete them, too, or "
        "delete them first: kaiwuctl delete webhook --group kaiwu --version v1 --kind KaiwuCluster\n"
    )
    assert snapshot(hooked.folder) == before


@pytest.mark.parametrize(
    "path",
    [MODULE, "tests/test_v1_kaiwucluster_webhook.py", "config/webhook/service.yaml", "api/v1/kaiwucluster_types.py"],
)
def test_a_users_change_is_not_deleted_silently(hooked: CommandLine, path: str) -> None:
    with (hooked.folder / path).open("a") as stream:
        stream.write("# mine\n")
    before = snapshot(hooked.folder)
    assert hooked.refused(*DELETE, status=1) == (
        "error: nothing was written, because 1 file has changes that kaiwuctl did not write; pass --force to delete:\n"
        f"  {path}\n"
    )
    assert snapshot(hooked.folder) == before
    assert f"delete    {path}\n" in hooked.ok(*DELETE, "--force")
    assert not (hooked.folder / path).exists()


def test_all_changes_are_named_at_once(hooked: CommandLine) -> None:
    paths = ["api/v1/kaiwucluster_types.py", "config/webhook/service.yaml", MODULE]
    for path in paths:
        with (hooked.folder / path).open("a") as stream:
            stream.write("# mine\n")
    assert hooked.refused(*DELETE, status=1).splitlines()[1:] == [f"  {path}" for path in paths]


@pytest.mark.parametrize("module", ["controllers.kaiwucluster_webhook", "api.v1.kaiwucluster_types"])
def test_what_others_import_is_not_deleted(hooked: CommandLine, module: str) -> None:
    (hooked.folder / "mine.py").write_text(f"import {module}\n")
    before = snapshot(hooked.folder)
    assert hooked.refused(*DELETE, "--force", status=1).splitlines()[1:] == [f"  mine.py line 1 imports {module}"]
    assert snapshot(hooked.folder) == before


def test_webhooks_that_kaiwuctl_did_not_write_are_the_users(hooked: CommandLine) -> None:
    """Without a record their module is not known."""
    (hooked.folder / ".kaiwuctl/scaffold.json").unlink()
    before = snapshot(hooked.folder)
    error = hooked.refused(*DELETE, status=1)
    assert error.startswith("error: .kaiwuctl/scaffold.json: does not have the webhooks of KaiwuCluster v1 (")
    assert snapshot(hooked.folder) == before
    assert f"  {MODULE} line " in hooked.refused(*DELETE, "--force", status=1)
    assert snapshot(hooked.folder) == before


def test_the_webhooks_of_other_kinds_and_versions_stay(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    project.ok("create", "api", *OTHER, "--make=false")
    for identity in (KIND, OTHER):
        project.ok("create", "webhook", *identity, "--validation", "--make=false")
    before = snapshot(project.folder)
    project.ok("create", "api", *SECOND, "--make=false")
    project.ok("create", "webhook", *SECOND, "--defaulting", "--conversion", "--make=false")
    output = project.ok("delete", "api", *SECOND, "--with-webhooks", "--make=false")
    assert "  kubectl delete mutatingwebhookconfiguration " in output
    assert "kubectl delete validatingwebhookconfiguration" not in output
    assert "Clusters convert kaiwuclusters.kaiwu.inspur.com until the CRD is applied without it: " in output
    assert "status.storedVersions does not list v2:\n" in output
    assert snapshot(project.folder) == before


def test_the_stored_version_and_a_spoke_stay(project: CommandLine) -> None:
    """The conversion is a webhook of the hub, which stays."""
    project.ok(*CREATE_ONLY)
    project.ok("create", "api", *SECOND, "--make=false")
    project.ok("create", "webhook", *KIND, *FLAGS, "--make=false")
    before = snapshot(project.folder)
    assert " that the API server stores; make v2 the stored one first" in project.refused(*DELETE, status=2)
    second = ("delete", "api", *SECOND, "--with-webhooks", "--make=false")
    assert "KaiwuCluster v1 is converted to and from it; delete the conversion first: " in project.refused(
        *second, status=2
    )
    assert snapshot(project.folder) == before


def test_controllers_go_and_webhooks_of_a_kind_of_kubernetes_stay(project: CommandLine) -> None:
    deployment = ("--group", "apps", "--version", "v1", "--kind", "Deployment")
    before = snapshot(project.folder)
    project.ok("create", "webhook", *deployment, "--validation", "--make=false")
    hooked = snapshot(project.folder)
    project.ok("create", "api", *deployment, "--resource=false", "--make=false")
    project.ok("delete", "api", *deployment, "--controller-only", "--make=false")
    assert snapshot(project.folder) == hooked
    output = project.ok("delete", "api", *deployment, "--with-webhooks", "--make=false")
    assert "controllers" not in output.partition("\n\n")[2]
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("flags", [("--controller-only",), ("--controller-name", "kaiwucluster")])
def test_it_contradicts_what_keeps_the_type(hooked: CommandLine, flags: tuple[str, ...]) -> None:
    before = snapshot(hooked.folder)
    assert hooked.refused(*DELETE, *flags, status=2) == (
        f"error: --with-webhooks: contradicts {flags[0]}, which keeps the API type and its webhooks; leave one of "
        "them out\n"
    )
    assert snapshot(hooked.folder) == before


def test_a_dry_run_deletes_nothing(hooked: CommandLine) -> None:
    before = snapshot(hooked.folder)
    output = hooked.ok(*DELETE, "--dry-run")
    for path in (MODULE, "config/webhook/service.yaml", "api/v1/kaiwucluster_types.py"):
        assert output.count(f"  delete    {path}\n") == 1
    assert output.count("  change    config/default/kustomization.yaml\n") == 1
    assert snapshot(hooked.folder) == before
