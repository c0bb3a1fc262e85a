"""What PROJECT says about images: a stranger's file is checked as flags are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kaiwuctl.errors import ProjectFileError
from kaiwuctl.names.image import DeployImage
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.model import LAYOUT, Project, Resource

HEAD = f"""\
layout:
- {LAYOUT}
projectName: op
"""
RESOURCES = """\
resources:
- api:
    crdVersion: v1
    namespaced: true
  domain: example.com
  group: cache
  kind: Memcached
  path: api/v1
  plural: memcacheds
  version: v1
version: "3"
"""
IMAGE = DeployImage(image="memcached:1.6", port=11211, command=("sh", "-c", "a,b"), user=1001)


def plugin(options: str) -> str:
    return f"""\
plugins:
  deploy-image.kaiwuctl.io/v1:
    resources:
    - group: cache
      kind: Memcached
      options: {options}
      version: v1
"""


def test_what_is_written_is_read() -> None:
    file = ProjectFile.parse(HEAD + RESOURCES)
    (resource,) = file.project.resources
    assert resource.image is None
    before = file.dumps()
    file.record(replace(resource, image=IMAGE))
    (found,) = ProjectFile.parse(file.dumps()).project.resources
    assert found.image == IMAGE
    file.record(found)
    again = file.dumps()
    file.record(replace(found, image=None))
    assert (file.dumps(), again.count("deploy-image")) == (before, 1)


def test_other_plugins_and_comments_stay() -> None:
    text = HEAD + "plugins:  # mine\n  other.example.com/v1: {a: b}\n" + RESOURCES
    file = ProjectFile.parse(text)
    (resource,) = file.project.resources
    file.record(replace(resource, image=IMAGE))
    assert "plugins:  # mine\n  other.example.com/v1: {a: b}\n" in file.dumps()
    file.record(resource)
    assert file.dumps() == text


def test_an_image_of_a_kind_that_is_not_there_is_ignored() -> None:
    text = HEAD + plugin("{image: x}").replace("kind: Memcached", "kind: Other") + RESOURCES
    assert ProjectFile.parse(text).project.resources[0].image is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (plugin("{}"), "image '': must not be empty"),
        (plugin("[]"), "options of deploy-image.kaiwuctl.io/v1 must be a mapping"),
        (plugin("x"), "options of deploy-image.kaiwuctl.io/v1 must be a mapping"),
        (plugin("{image: 1}"), "image must be text; put it in quotes"),
        (plugin("{image: X}"), "image 'X': must be a registry and a path"),
        (plugin("{image: x, containerPort: 80}"), "containerPort must be text"),
        (plugin("{image: x, containerPort: '99999'}"), "containerPort '99999': must be a number"),
        (plugin("{image: x, runAsUser: '0'}"), "runAsUser '0': must not be 0"),
        (plugin("{image: x, containerCommand: '[1]'}"), "containerCommand '[1]': must be a list of strings"),
        (
            "plugins:\n  deploy-image.kaiwuctl.io/v1:\n    resources: x\n",
            "resources of deploy-image.kaiwuctl.io/v1 must",
        ),
        ("plugins:\n  deploy-image.kaiwuctl.io/v1: []\n", "resources of deploy-image.kaiwuctl.io/v1 must"),
        ("plugins:\n  deploy-image.kaiwuctl.io/v1:\n    resources: [x]\n", "must be a list of mappings"),
    ],
)
def test_a_broken_value_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ProjectFileError, match=r"^PROJECT:\d+: ") as refused:
        ProjectFile.parse(HEAD + text + RESOURCES)
    assert words in refused.value.message


@pytest.mark.parametrize("text", ["plugins:\n", "plugins: []\n", "plugins: x\n", "plugins: {other/v1: {}}\n"])
def test_other_forms_of_plugins_are_not_ours(text: str) -> None:
    file = ProjectFile.parse(HEAD + text + RESOURCES)
    assert file.project.resources[0].image is None


def test_a_new_project() -> None:
    file = ProjectFile.new(Project(name="op", domain="example.com", repo="example.com/op"))
    file.record(Resource("cache", "example.com", "v1", "Memcached", "memcacheds", "api/v1", True, True, image=IMAGE))
    keys = [line.partition(":")[0] for line in file.dumps().splitlines() if line[:1].isalpha()]
    assert keys == sorted(keys)
