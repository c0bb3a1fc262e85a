"""PROJECT: written as kubebuilder's readers expect it, read with a line for every complaint, edited in "
"place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.errors import ProjectFileError
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.model import Project, Resource, Webhooks

from .sample import DOCUMENT

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = Project("kaiwu-operator", "inspur.com", "github.com/inspur/kaiwu-operator", cli_version="0.1.0")
CLUSTER = Resource(
    group="kaiwu",
    domain="inspur.com",
    version="v1",
    kind="KaiwuCluster",
    plural="kaiwuclusters",
    path="api/v1",
    api=True,
    namespaced=True,
    controllers=("kaiwucluster",),
)


def new(project: Project = PROJECT, *resources: Resource) -> str:
    file = ProjectFile.new(project)
    for resource in resources:
        file.record(resource)
    return file.dumps()


def test_the_fields_are_kubebuilders_in_the_order_of_the_alphabet() -> None:
    loaded = yaml.safe_load(new(replace(PROJECT, multigroup=True, namespaced=True), CLUSTER))
    assert list(loaded) == sorted(loaded)
    assert loaded == {**DOCUMENT, "multigroup": True, "namespaced": True}


def test_a_kinds_own_controller_is_written_as_true() -> None:
    (entry,) = yaml.safe_load(new(PROJECT, CLUSTER))["resources"]
    assert entry["controller"] is True
    assert "controllers" not in entry


@pytest.mark.parametrize(
    "resource",
    [
        CLUSTER,
        replace(CLUSTER, controllers=()),
        replace(CLUSTER, controllers=("kaiwucluster", "backup")),
        replace(CLUSTER, namespaced=False),
        replace(CLUSTER, group=""),
        replace(CLUSTER, domain=""),
        replace(
            CLUSTER,
            kind="Deployment",
            plural="deployments",
            api=False,
            namespaced=False,
            core=True,
            controllers=("x",),
        ),
        replace(CLUSTER, webhooks=Webhooks(defaulting=True)),
        replace(CLUSTER, webhooks=Webhooks(validation=True, validation_path="/validate")),
        replace(CLUSTER, webhooks=Webhooks(True, True, True, ("v1alpha1", "v1beta1"), "/a/b", "/c")),
    ],
    ids=[
        "plain",
        "no-controller",
        "two-controllers",
        "cluster",
        "no-group",
        "no-domain",
        "core",
        "defaulting",
        "a-path",
        "all-webhooks",
    ],
)
def test_what_is_recorded_is_read_back(resource: Resource) -> None:
    text = new(PROJECT, resource)
    read = ProjectFile.parse(text).project
    assert read == replace(PROJECT, resources=(resource,))
    file = ProjectFile.parse(text)
    file.record(resource)
    assert file.dumps() == text


EDITED = """\
# My project.
version: "3"   # do not touch

projectName: 'kaiwu-operator'
# Where it lives.
repo: github.com/inspur/kaiwu-operator
domain: inspur.com
layout: [python.kaiwuctl.io/v1]
resources:
  # The first one.
  - kind: KaiwuCluster
    group: kaiwu
    version: v1
    mine: [1, 2]
    api: {crdVersion: v1, namespaced: true, other: kept}
    path: api/v1

# Ours.
plugins:
  example.com/v1: {a: 1}
"""


def test_comments_order_and_unknown_keys_survive_an_edit() -> None:
    file = ProjectFile.parse(EDITED)
    file.record(CLUSTER)
    file.record(replace(CLUSTER, version="v2", path="api/v2", controllers=()))
    result = file.dumps()
    for line in EDITED.splitlines():
        assert line in result.splitlines()
    assert result.index("version: v2") < result.index("# Ours.")
    loaded = yaml.safe_load(result)
    assert list(loaded) == list(yaml.safe_load(EDITED))
    first, second = loaded["resources"]
    assert first["mine"] == [1, 2]
    assert first["api"] == {"crdVersion": "v1", "namespaced": True, "other": "kept"}
    assert first["controller"] is True
    assert second["version"] == "v2"
    again = ProjectFile.parse(result)
    again.record(CLUSTER)
    assert again.dumps() == result


def test_the_webhooks_are_kubebuilders() -> None:
    resource = replace(CLUSTER, webhooks=Webhooks(defaulting=True, conversion=True, spokes=("v1alpha1",)))
    (entry,) = yaml.safe_load(new(PROJECT, resource))["resources"]
    assert entry["webhooks"] == {
        "conversion": True,
        "defaulting": True,
        "spoke": ["v1alpha1"],
        "webhookVersion": "v1",
    }


def test_webhooks_are_added_and_go_again_without_a_trace() -> None:
    before = new(PROJECT, CLUSTER)
    file = ProjectFile.parse(before)
    file.record(replace(CLUSTER, webhooks=Webhooks(True, True, True, ("v1alpha1",), "/a", "/b")))
    file.record(replace(CLUSTER, webhooks=Webhooks(validation=True)))
    (entry,) = yaml.safe_load(file.dumps())["resources"]
    assert entry["webhooks"] == {"validation": True, "webhookVersion": "v1"}
    file.record(CLUSTER)
    assert file.dumps() == before


def test_what_others_wrote_into_the_webhooks_stays() -> None:
    text = new(PROJECT, replace(CLUSTER, webhooks=Webhooks(validation=True)))
    text = text.replace("    validation: true\n", "    other: kept  # mine\n    validation: true\n")
    file = ProjectFile.parse(text)
    file.record(replace(CLUSTER, webhooks=Webhooks(defaulting=True)))
    assert "other: kept  # mine" in file.dumps()
    assert file.project.resources[0].webhooks == Webhooks(defaulting=True)


def test_the_hub_of_a_kind_is_found() -> None:
    hub = replace(CLUSTER, version="v2", webhooks=Webhooks(conversion=True, spokes=("v1",)))
    project = replace(PROJECT, resources=(CLUSTER, hub))
    assert project.hub_of("kaiwu", "KaiwuCluster") == hub
    assert project.hub_of("kaiwu", "Other") is None
    assert project.has_webhooks
    assert not replace(PROJECT, resources=(CLUSTER,)).has_webhooks


def test_one_controller_becomes_two() -> None:
    file = ProjectFile.parse(new(PROJECT, CLUSTER))
    file.record(replace(CLUSTER, controllers=("kaiwucluster", "backup")))
    (entry,) = yaml.safe_load(file.dumps())["resources"]
    assert entry["controllers"] == [{"name": "kaiwucluster"}, {"name": "backup"}]
    assert "controller" not in entry


GOOD = new(PROJECT, CLUSTER)
BROKEN = [
    ("yaml", GOOD.replace("domain: ", "domain: ["), r"^PROJECT:\d+: broken YAML: "),
    ("duplicate", GOOD + "domain: x\n", r"^PROJECT:\d+: broken YAML: "),
    ("empty", "", r"^PROJECT:1: must be a YAML mapping"),
    ("list", "- a\n", r"^PROJECT:1: must be a YAML mapping"),
    (
        "unknown-version",
        GOOD.replace('version: "3"', 'version: "4"'),
        r"^PROJECT:19: version '4' is not supported",
    ),
    ("no-version", GOOD.replace('version: "3"', ""), r"^PROJECT: has no version"),
    (
        "go-layout",
        GOOD.replace("python.kaiwuctl.io/v1", "go.kubebuilder.io/v4"),
        r"^PROJECT:4: layout .* is not a kai",
    ),
    ("no-layout", GOOD.replace("layout:\n- python.kaiwuctl.io/v1\n", ""), r"^PROJECT: has no layout"),
    ("layout-type", GOOD.replace("- python.kaiwuctl.io/v1", "  a: b"), r"^PROJECT:4: layout must be a list"),
    ("no-name", GOOD.replace("projectName: kaiwu-operator\n", ""), r"^PROJECT:2: projectName is missing"),
    ("name-type", GOOD.replace("kaiwu-operator\nrepo", "3\nrepo"), r"^PROJECT:6: projectName must be text"),
    ("flag-type", "multigroup: maybe\n" + GOOD, r"^PROJECT:1: multigroup must be true or false"),
    (
        "resources-type",
        GOOD.split("resources:")[0] + 'resources: x\nversion: "3"\n',
        r"^PROJECT:8: resources must be a l",
    ),
    (
        "resource-type",
        GOOD.split("resources:")[0] + 'resources:\n- x\nversion: "3"\n',
        r"^PROJECT:9: resources\[0\] must",
    ),
    ("no-kind", GOOD.replace("  kind: KaiwuCluster\n", ""), r"^PROJECT:9: kind is missing"),
    (
        "api-type",
        GOOD.replace("- api:\n    crdVersion: v1\n    namespaced: true", "- api: true"),
        r"^PROJECT:9: api must",
    ),
    (
        "controllers-type",
        GOOD.replace("controller: true", "controllers: [x]"),
        r"^PROJECT:12: controllers must be a lis",
    ),
    (
        "controller-name",
        GOOD.replace("controller: true", "controllers: [{a: b}]"),
        r"^PROJECT:12: name is missing",
    ),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_broken_file_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ProjectFileError, match=message) as caught:
        ProjectFile.parse(text)
    assert "\n" not in caught.value.message


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        ProjectFileError, match=r"PROJECT: not found in this directory; start a project with `kaiwuctl init`"
    ):
        ProjectFile.load(tmp_path)


def test_a_file_further_up_is_named(tmp_path: Path) -> None:
    (tmp_path / "PROJECT").write_text(GOOD)
    (tmp_path / "api").mkdir()
    with pytest.raises(ProjectFileError, match=f"but in {tmp_path}; run the command there"):
        ProjectFile.load(tmp_path / "api")


def test_unreadable_files(tmp_path: Path) -> None:
    path = tmp_path / "PROJECT"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ProjectFileError, match="is not UTF-8 text"):
        ProjectFile.load(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ProjectFileError, match="must be a regular file but is a directory"):
        ProjectFile.load(tmp_path)
    path.rmdir()
    path.symlink_to("nowhere")
    with pytest.raises(ProjectFileError, match="symbolic link to nothing"):
        ProjectFile.load(tmp_path)


@given(st.text(max_size=80), st.integers(min_value=0, max_value=len(GOOD)))
def test_any_damage_is_read_or_refused_in_one_line(damage: str, position: int) -> None:
    text = GOOD[:position] + damage + GOOD[position:]
    try:
        ProjectFile.parse(text)
    except ProjectFileError as error:
        message = error.message
    else:
        return
    assert message.startswith("PROJECT:")
    assert "\n" not in message
