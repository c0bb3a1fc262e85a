"""`kaiwuctl delete webhook`: the reverse of `create webhook`, whole or in part."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .command_line import CREATE_ONLY, CommandLine, snapshot
from .in_process import built, done, inside, run_generator
from .layouts import make_layouts

KIND = ("--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster")
SECOND = ("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")
CREATE = ("create", "webhook", *KIND, "--make=false")
DELETE = ("delete", "webhook", *KIND, "--make=false")
FLAGS = ("--defaulting", "--validation", "--conversion")
CERTIFICATES = ("self-signed", "cert-manager", "none")
MODULE = "controllers/kaiwucluster_webhook.py"


@pytest.fixture
def versions(project: CommandLine) -> CommandLine:
    """A project with two versions of a kind."""
    project.ok(*CREATE_ONLY)
    project.ok(*SECOND)
    return project


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Path]:
    """Projects with two versions of a kind; copied, never changed."""
    init = ("init", "--domain", "inspur.com")
    return make_layouts(tmp_path_factory, [(), ("--multigroup",)], "kaiwu-operator", init, CREATE_ONLY, SECOND)


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    layout=st.sampled_from([(), ("--multigroup",)]),
    created=st.sets(st.sampled_from(FLAGS), min_size=1),
    deleted=st.sets(st.sampled_from(FLAGS), min_size=1),
    certificates=st.sampled_from(CERTIFICATES),
    operations=st.sampled_from([(), ("--operations", "create,update,delete"), ("--operations", "create")]),
    in_parts=st.booleans(),
)
def test_create_and_delete_give_what_was_never_created(
    layouts: dict[tuple[str, ...], Path],
    tmp_path_factory: pytest.TempPathFactory,
    *,
    layout: tuple[str, ...],
    created: set[str],
    deleted: set[str],
    certificates: str,
    operations: tuple[str, ...],
    in_parts: bool,
) -> None:
    """Byte by byte: to create all and to delete some leaves what it leaves to create the others alone."""
    left = [flag for flag in FLAGS if flag in created - deleted]
    for asked in (created, set(left) or created):
        # The command takes them for a validator, and without deletions for a defaulter.
        takes = {"--validation"} if "delete" in "".join(operations) else {"--validation", "--defaulting"}
        operations = operations if asked & takes else ()
    with inside(tmp_path_factory.mktemp("webhook")) as parent:
        folder = parent / "kaiwu-operator"
        shutil.copytree(layouts[layout], folder)
        with inside(folder):
            never = snapshot(folder)
            if left:
                done(*CREATE, *left, "--certificates", certificates, *operations)
                never = snapshot(folder)
                shutil.rmtree(folder)
        if left:
            shutil.copytree(layouts[layout], folder)
        with inside(folder):
            done(*CREATE, *sorted(created), "--certificates", certificates, *operations)
            built(folder)
            for flags in [[flag] for flag in sorted(deleted)] if in_parts else [sorted(deleted)]:
                done(*DELETE, *flags)
                built(folder)
            assert snapshot(folder) == never
            assert done(*DELETE, *deleted).startswith("Nothing to do: PROJECT has no ")


def test_with_what_the_generator_writes(versions: CommandLine) -> None:
    folder = versions.folder
    run_generator(folder)
    before = snapshot(folder)
    versions.ok(*CREATE, *FLAGS)
    run_generator(folder)
    assert "MutatingWebhookConfiguration" in (folder / "config/webhook/manifests.yaml").read_text()
    output = versions.ok(*DELETE)
    for line in (
        "kubectl delete mutatingwebhookconfiguration kaiwu-operator-mutating-webhook-configuration\n",
        "kubectl delete validatingwebhookconfiguration kaiwu-operator-validating-webhook-configuration\n",
        "kubectl delete service --namespace kaiwu-operator-system kaiwu-operator-webhook-service\n",
    ):
        assert line in output
    run_generator(folder)
    assert snapshot(folder) == before


def test_the_webhooks_of_another_kind_stay(versions: CommandLine) -> None:
    other = ("--group", "kaiwu", "--version", "v1", "--kind", "KaiwuUser")
    versions.ok("create", "api", *other, "--make=false")
    versions.ok("create", "webhook", *other, "--validation", "--make=false")
    before = snapshot(versions.folder)
    versions.ok(*CREATE, "--validation")
    output = versions.ok(*DELETE)
    assert "kubectl delete" not in output
    assert snapshot(versions.folder) == before


@pytest.mark.parametrize("path", [MODULE, "tests/test_v1_kaiwucluster_webhook.py", "config/webhook/service.yaml"])
def test_a_users_change_is_not_deleted_silently(versions: CommandLine, path: str) -> None:
    versions.ok(*CREATE, "--defaulting")
    with (versions.folder / path).open("a") as stream:
        stream.write("# mine\n")
    before = snapshot(versions.folder)
    assert versions.refused(*DELETE, status=1).splitlines()[1:] == [f"  {path}"]
    assert snapshot(versions.folder) == before
    versions.ok(*DELETE, "--force")
    assert not (versions.folder / path).exists()


def test_a_changed_module_of_several_is_the_users_to_change(versions: CommandLine) -> None:
    versions.ok(*CREATE, "--defaulting", "--validation")
    module = versions.folder / MODULE
    module.write_text(f"{module.read_text()}# mine\n")
    before = snapshot(versions.folder)
    error = versions.refused(*DELETE, "--defaulting", status=1)
    assert error == (
        f"error: {MODULE}: has changes of yours and other webhooks, which stay; remove KaiwuClusterDefaults there, "
        "then pass --force, and nothing was written\n"
    )
    assert snapshot(versions.folder) == before
    versions.ok(*DELETE, "--defaulting", "--force")
    assert module.read_text().endswith("# mine\n")
    assert "defaulting" not in (versions.folder / "PROJECT").read_text()


def test_what_others_import_is_not_deleted(versions: CommandLine) -> None:
    versions.ok(*CREATE, *FLAGS)
    (versions.folder / "mine.py").write_text("from api.v2 import kaiwucluster_conversion\n")
    before = snapshot(versions.folder)
    error = versions.refused(*DELETE, "--conversion", status=1)
    assert "  mine.py line 1 imports api.v2.kaiwucluster_conversion" in error
    assert snapshot(versions.folder) == before


def test_an_api_with_webhooks_is_deleted_after_them(versions: CommandLine) -> None:
    versions.ok(*CREATE, *FLAGS)
    second = ("delete", "api", *SECOND[2:8], "--make=false")
    assert "KaiwuCluster v1 is converted to and from it; delete the conversion first: " in versions.refused(
        *second, status=2
    )
    versions.ok(*DELETE, "--conversion")
    versions.ok(*second)
    assert "kaiwuctl delete webhook --group kaiwu --version v1 --kind KaiwuCluster" in versions.refused(
        "delete", "api", *KIND, status=2
    )
    versions.ok(*DELETE)
    versions.ok("delete", "api", *KIND, "--make=false")
    built(versions.folder)


def test_a_kind_of_kubernetes_leaves_project(project: CommandLine) -> None:
    before = snapshot(project.folder)
    pod = ("--group", "core", "--version", "v1", "--kind", "Pod", "--make=false")
    project.ok("create", "webhook", *pod, "--validation")
    project.ok("delete", "webhook", *pod)
    assert snapshot(project.folder) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--group", "Kaiwu"), "--group 'Kaiwu': must be lower-case"),
        (("--kind", "a/b"), "--kind 'a/b': must be letters and digits only"),
        (("--defaulting", "false"), "--defaulting false: a boolean takes its value after an equals sign"),
    ],
)
def test_wrong_use(project: CommandLine, flags: tuple[str, ...], message: str) -> None:
    before = snapshot(project.folder)
    assert project.refused(*DELETE, *flags, status=2).startswith(f"error: {message}")
    assert snapshot(project.folder) == before


def test_a_dry_run_deletes_nothing(versions: CommandLine) -> None:
    versions.ok(*CREATE, *FLAGS)
    before = snapshot(versions.folder)
    assert f"  delete    {MODULE}\n" in versions.ok(*DELETE, "--dry-run")
    assert snapshot(versions.folder) == before


def test_without_a_record_the_files_are_not_known(versions: CommandLine) -> None:
    """PROJECT alone is not changed: the module would go on serving what PROJECT does not have."""
    versions.ok(*CREATE, "--validation")
    versions.ok(*CREATE, "--defaulting")
    (versions.folder / ".kaiwuctl/scaffold.json").unlink()
    before = snapshot(versions.folder)
    assert versions.refused(*DELETE, status=1).startswith(
        "error: .kaiwuctl/scaffold.json: does not have the webhooks of KaiwuCluster v1 (defaulting, validation), so "
        "their files are not known; restore it from version control, or delete "
    )
    assert snapshot(versions.folder) == before
    (versions.folder / MODULE).unlink()
    versions.ok(*DELETE, "--force")
    assert "webhooks:" not in (versions.folder / "PROJECT").read_text()
