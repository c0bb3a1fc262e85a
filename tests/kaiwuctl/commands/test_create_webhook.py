"""`kaiwuctl create webhook`: what it writes, what it refuses, and that it is all or nothing."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from .command_line import CREATE_ONLY, CommandLine, snapshot
from .in_process import run_generator
from .webhook_commands import CONVERT, HOOK, SECOND, entry

if TYPE_CHECKING:
    from pathlib import Path


def test_both_webhooks_in_one_file_and_again_nothing(api: CommandLine) -> None:
    output = api.ok(*HOOK, "--defaulting", "--programmatic-validation")
    assert re.findall(r"^  create +(\S+)", output, re.MULTILINE) == [
        "controllers/kaiwucluster_webhook.py",
        "tests/test_v1_kaiwucluster_webhook.py",
        "config/webhook/kustomization.yaml",
        "config/webhook/kustomizeconfig.yaml",
        "config/webhook/service.yaml",
        "config/webhook/manifests.yaml",
        "config/webhook/role.yaml",
    ]
    assert entry(api)["webhooks"] == {"defaulting": True, "validation": True, "webhookVersion": "v1"}
    before = snapshot(api.folder)
    for flags in (("--defaulting",), ("--validation",), ("--validation", "--defaulting", "--certificates=self-signed")):
        assert api.ok(*HOOK, *flags) == "Nothing to do: everything is there already.\n"
    assert snapshot(api.folder) == before


def test_a_second_webhook_leaves_the_first_ones_file_alone(api: CommandLine) -> None:
    api.ok(*HOOK, "--defaulting")
    first = api.folder / "controllers/kaiwucluster_webhook.py"
    first.write_text(first.read_text() + "# mine\n")
    mine = first.read_text()
    output = api.ok(*HOOK, "--defaulting", "--validation")
    assert "create    controllers/kaiwucluster_validation_webhook.py" in output
    assert first.read_text() == mine
    second = (api.folder / "controllers/kaiwucluster_validation_webhook.py").read_text()
    assert "class KaiwuClusterValidationWebhook(Webhook)" in second
    assert "Defaulter" not in second
    run_generator(api.folder)
    text = (api.folder / "config/webhook/manifests.yaml").read_text()
    assert [each["kind"] for each in yaml.safe_load_all(text)] == [
        "MutatingWebhookConfiguration",
        "ValidatingWebhookConfiguration",
    ]


def test_a_file_of_the_user_is_not_touched(api: CommandLine) -> None:
    mine = api.folder / "controllers/kaiwucluster_webhook.py"
    mine.write_text("mine = 1\n")
    api.ok(*HOOK, "--validation")
    assert mine.read_text() == "mine = 1\n"
    assert (api.folder / "controllers/kaiwucluster_validation_webhook.py").exists()


def test_force_writes_what_was_written_before(api: CommandLine) -> None:
    api.ok(*HOOK, "--defaulting")
    api.ok(*HOOK, "--validation")
    before = snapshot(api.folder)
    for name in ("controllers/kaiwucluster_webhook.py", "controllers/kaiwucluster_validation_webhook.py"):
        (api.folder / name).write_text("changed\n")
    assert "overwrite controllers/kaiwucluster_webhook.py" in api.ok(*HOOK, "--defaulting", "--force")
    assert "overwrite controllers/kaiwucluster_validation_webhook.py" in api.ok(*HOOK, "--validation", "--force")
    assert snapshot(api.folder) == before


def test_every_version_is_converted(api: CommandLine) -> None:
    api.ok(*SECOND)
    api.ok(*CONVERT)
    assert entry(api, "v2")["webhooks"] == {"conversion": True, "spoke": ["v1"], "webhookVersion": "v1"}
    third = [*SECOND]
    third[5] = "v1beta1"
    api.ok(*third)
    output = api.ok(*CONVERT)
    assert "create    api/v1beta1/kaiwucluster_conversion.py" in output
    assert "add these versions to the class with @converting(KaiwuCluster, ...):" in output
    assert "from api.v1beta1.kaiwucluster_types import KaiwuCluster as KaiwuClusterV1beta1" in output
    assert "from api.v1.kaiwu" not in output
    assert entry(api, "v2")["webhooks"]["spoke"] == ["v1", "v1beta1"]
    assert api.ok(*CONVERT) == "Nothing to do: everything is there already.\n"


def test_the_tests_of_a_conversion_try_random_objects(api: CommandLine) -> None:
    """They pass as they are written, and fail when only some values are lost."""
    # A project from before.
    requirements = api.folder / "requirements-dev.txt"
    lines = [line for line in requirements.read_text().splitlines(keepends=True) if "hypothesis" not in line]
    requirements.write_text("".join(lines))
    api.ok(*SECOND)
    api.ok(*CONVERT)
    assert requirements.read_text() == "".join([*lines, "hypothesis>=6.100,<7\n"])
    argv = [api.argv()[0], "-m", "pytest", "-q", "-k", "is_lost_in", "tests/test_v2_kaiwucluster_webhook.py"]
    environment = {**api.env(), "PYTHONHASHSEED": "0"}

    def tests() -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, cwd=api.folder, env=environment, check=False, capture_output=True, text=True)

    passed = tests()
    assert "2 passed" in passed.stdout, passed.stdout
    conversion = api.folder / "api/v1/kaiwucluster_conversion.py"
    text = conversion.read_text()
    lines = [
        "    obj = obj.model_copy(deep=True)",
        '    obj.spec.foo = (obj.spec.foo or "").strip() or None',
        "    return copy_common(obj, Hub)",
    ]
    lossy = "\n".join(lines)
    conversion.write_text(text.replace("    return copy_common(obj, Hub)", lossy))
    failed = tests()
    assert "not the same after a conversion and back: spec.foo;" in failed.stdout, failed.stdout


def test_a_kind_of_kubernetes(api: CommandLine) -> None:
    hook = ("create", "webhook", "--group=core", "--version=v1", "--kind=Pod", "--defaulting", "--make=false")
    api.ok(*hook)
    assert api.ok(*hook) == "Nothing to do: everything is there already.\n"
    assert not (api.folder / "tests/test_v1_pod_webhook.py").exists()
    run_generator(api.folder)
    (configuration,) = yaml.safe_load_all((api.folder / "config/webhook/manifests.yaml").read_text())
    assert configuration["webhooks"][0]["rules"][0]["apiGroups"] == [""]


def test_a_kind_of_another_project(api: CommandLine) -> None:
    names = ("--group=cert-manager", "--version=v1", "--kind=Certificate", "--make=false")
    assert "PROJECT has no Certificate" in api.refused("create", "webhook", *names, "--validation", status=2)
    api.ok("create", "api", *names, "--domain=io", "--resource=false", "--untyped")
    api.ok("create", "webhook", *names, "--validation")
    assert not (api.folder / "tests/test_v1_certificate_webhook.py").exists()
    run_generator(api.folder)
    (configuration,) = yaml.safe_load_all((api.folder / "config/webhook/manifests.yaml").read_text())
    assert configuration["webhooks"][0]["rules"][0]["apiGroups"] == ["cert-manager.io"]
    convert = ("create", "webhook", *names, "--conversion")
    assert "is not a type of this project" in api.refused(*convert, status=2)


REFUSED = [
    ((), 2, "--defaulting, --validation, --conversion: none is given"),
    (("--conversion",), 2, "KaiwuCluster has one version; create a second one first: kaiwuctl create api"),
    (("--validation", "--kind=Otter"), 2, "PROJECT has no Otter of kaiwu/v1; create it first: kaiwuctl create api"),
    (("--validation", "--kind=otter"), 2, "must start with an upper-case letter"),
    (("--validation", "--version=v9"), 2, "PROJECT has no KaiwuCluster of kaiwu/v9"),
    (("--validation", "--group=core", "--kind=Nothing"), 2, "core/v1 has only"),
    (("--validation", "--conversion", "--group=core", "--kind=Pod"), 2, "is a kind of Kubernetes itself"),
    (("--validation", "--spoke=v2"), 2, "--spoke: is for --conversion"),
    (("--conversion", "--spoke=v1"), 2, "--spoke v1: is the hub"),
    (("--conversion", "--spoke="), 2, "--spoke: is empty"),
    (("--conversion", "--spoke=v2,v2"), 2, "--spoke v2: is named twice"),
    (("--conversion", "--spoke=two"), 2, "--spoke 'two': must be v and a number"),
    (("--validation", "--certificates=letsencrypt"), 2, "use self-signed, cert-manager, none"),
    (("--validation", "--defaulting-path=/a"), 2, "--defaulting-path: is for --defaulting"),
    (("--validation", "--validation-path=a"), 2, "must start with a slash"),
    (("--validation", "--validation-path=/convert"), 2, "is where conversions are served"),
    (
        ("--validation", "--defaulting", "--validation-path=/a", "--defaulting-path=/a"),
        2,
        "is that of --defaulting too",
    ),
    (("--validation", "--operations=patch"), 2, "use create, update, delete"),
    (("--validation", "--operations="), 2, "use create, update, delete"),
    (("--validation", "--operations=create,create"), 2, "is named twice"),
    (("--defaulting", "--operations=delete"), 2, "nothing is defaulted in a deletion"),
    (("--conversion", "--operations=create"), 2, "is for --defaulting and --validation"),
    (("--validations",), 2, "did you mean --"),
]


@pytest.mark.parametrize(("flags", "status", "message"), REFUSED)
def test_refused_and_nothing_written(api: CommandLine, flags: tuple[str, ...], status: int, message: str) -> None:
    before = snapshot(api.folder)
    assert message in api.refused(*HOOK, *flags, status=status)
    assert snapshot(api.folder) == before


def test_what_contradicts_the_project_is_refused(api: CommandLine) -> None:
    api.ok(*HOOK, "--validation", "--validation-path=/check")
    refused = [
        (("--validation", "--certificates=none"), "the certificates of this project are self-signed"),
        (("--validation", "--validation-path=/other"), "it is /check in PROJECT"),
        (("--defaulting", "--defaulting-path=/check"), "is a path of the same kind"),
    ]
    for flags, message in refused:
        assert message in api.refused(*HOOK, *flags, status=2)
    api.ok(*SECOND)
    other = [*HOOK]
    other[5] = "v2"
    assert "is a path of KaiwuCluster v1" in api.refused(*other, "--defaulting", "--defaulting-path=/check", status=2)
    api.ok(*CONVERT)
    assert "the hub of KaiwuCluster is v2 in PROJECT" in api.refused(*HOOK, "--conversion", status=2)
    third = [*SECOND]
    third[5] = "v3"
    api.ok(*third)
    assert "--spoke: lacks v3" in api.refused(*CONVERT, "--spoke=v1", status=2)


def test_a_dry_run_writes_nothing(api: CommandLine) -> None:
    before = snapshot(api.folder)
    output = api.ok(*HOOK, "--validation", "--dry-run")
    assert "create    controllers/kaiwucluster_webhook.py" in output
    assert "+- ../webhook" in output
    assert snapshot(api.folder) == before


def test_outside_a_project(tmp_path: Path) -> None:
    assert "PROJECT: not found" in CommandLine(tmp_path).refused(*HOOK, "--validation", status=1)


def test_a_link_in_the_way(api: CommandLine) -> None:
    (api.folder / "config/webhook").symlink_to("/")
    assert "config/webhook is a symbolic link" in api.refused(*HOOK, "--validation", status=1)


def test_an_old_conftest_is_reported(api: CommandLine) -> None:
    conftest = api.folder / "tests/conftest.py"
    conftest.write_text("")
    result = api.run(*HOOK, "--validation")
    assert result.returncode == 0
    assert "warning: tests/conftest.py: the manager of the tests does not serve webhooks" in result.stderr


def test_the_record_says_which_file_belongs_to_it(api: CommandLine) -> None:
    api.ok(*HOOK, "--validation", "--certificates=cert-manager")
    record = json.loads((api.folder / ".kaiwuctl/scaffold.json").read_text())
    assert record["create"][-1] == {
        "certificates": "cert-manager",
        "conversion": False,
        "defaulting": False,
        "group": "kaiwu",
        "kind": "KaiwuCluster",
        "module": "controllers/kaiwucluster_webhook.py",
        "validation": True,
        "version": "v1",
    }


def test_killed_at_any_time_it_is_done_or_undone(with_api: Path, tmp_path: Path) -> None:
    command = (*HOOK, "--defaulting", "--validation", "--certificates=cert-manager")
    whole = CommandLine(tmp_path / "whole" / "kaiwu-operator")
    shutil.copytree(with_api, whole.folder, symlinks=True)
    before = snapshot(whole.folder)
    begin = time.monotonic()
    whole.ok(*command)
    length = time.monotonic() - begin
    after = snapshot(whole.folder)
    states = set()
    for step in range(12):
        folder = tmp_path / str(step) / "kaiwu-operator"
        shutil.copytree(with_api, folder, symlinks=True)
        project = CommandLine(folder)
        process = subprocess.Popen(
            project.argv(*command), cwd=folder, env=project.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(length * (0.3 + 0.7 * step / 11))
        process.send_signal(signal.SIGKILL)
        process.wait()
        # The next run undoes what the killed one left, and then does everything.
        result = project.run(*command)
        assert result.returncode == 0, result.stderr
        states.add(result.stdout.startswith("Nothing to do"))
        assert snapshot(folder) == after
    assert before != after
    assert states


def test_create_api_again_keeps_the_webhooks(api: CommandLine) -> None:
    pod = ("--group=core", "--version=v1", "--kind=Pod", "--make=false")
    api.ok(*HOOK, "--validation")
    api.ok("create", "webhook", *pod, "--validation")
    before = entry(api)
    assert api.ok(*CREATE_ONLY) == "Nothing to do: everything is there already.\n"
    api.ok("create", "api", *pod, "--resource=false")
    assert entry(api) == before
    assert yaml.safe_load((api.folder / "PROJECT").read_text())["resources"][1]["webhooks"]["validation"] is True
