"""No value of PROJECT gets further than a flag with the same value would, and nothing in it stops kaiwuctl for long."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.errors import KaiwuctlError, ProjectFileError
from kaiwuctl.project.file import ProjectFile
from kaiwuctl.project.model import Project, Resource
from kaiwuctl.scaffold.kustomize import add_resources

from .sample import DOCUMENT, RESOURCE

GOOD: dict[str, Any] = {
    **DOCUMENT,
    "resources": [
        {
            **RESOURCE,
            "webhooks": {
                "conversion": True,
                "defaulting": True,
                "defaultingPath": "/mutate-kaiwu-inspur-com-v1-kaiwucluster",
                "spoke": ["v2"],
                "validation": True,
                "validationPath": "/validate",
                "webhookVersion": "v1",
            },
        }
    ],
}
SAFE = re.compile(r"[A-Za-z0-9._~:/+!-]*")
WORDS = [
    "$(touch x)",
    "`x`",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "a\nb",
    'a"b',
    "a'b",
    "a: b",
    "#",
    "..",
    "../..",
    "/etc",
    "-x",
]
CODE = ["__import__('os')", "a;b", "a b", "é", "\u2028", "\u0085", "$IMG", "${IMG}", "%n", "*", "&a", "!tag", "\\", "|"]
hostile = st.text(max_size=20) | st.sampled_from([*WORDS, *CODE]) | st.text(alphabet="abv1./-", max_size=12)
top = st.tuples(st.sampled_from(["cliVersion", "domain", "projectName", "repo"]))
inner = st.tuples(
    st.just("resources"), st.just(0), st.sampled_from(["domain", "group", "kind", "path", "plural", "version"])
)
webhook = st.tuples(
    st.just("resources"), st.just(0), st.just("webhooks"), st.sampled_from(["defaultingPath", "validationPath"])
)
places = (
    top
    | inner
    | webhook
    | st.sampled_from([("resources", 0, "controllers", 0, "name"), ("resources", 0, "webhooks", "spoke", 0)])
)
core = st.booleans()


def texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Project):
        parts = [value.name, value.domain, value.repo, value.cli_version]
        return [*parts, *(text for resource in value.resources for text in texts(resource))]
    assert isinstance(value, Resource)
    webhooks = value.webhooks
    paths = [webhooks.defaulting_path, webhooks.validation_path]
    names = [value.group, value.domain, value.version, value.kind, value.plural, value.path]
    return [*names, *value.controllers, *webhooks.spokes, *paths]


@given(place=places, value=hostile, prefix=st.booleans(), kubernetes=core)
def test_a_value_is_harmless_or_refused_in_one_line(
    place: tuple[str | int, ...], value: str, prefix: bool, kubernetes: bool
) -> None:
    document = yaml.safe_load(yaml.safe_dump(GOOD))
    if kubernetes:
        document["resources"][0] |= {"core": True, "path": "lightkube.resources.apps_v1", "domain": "k8s.io"}
        del document["resources"][0]["api"]
    container: Any = document
    for key in place[:-1]:
        container = container[key]
    container[place[-1]] = f"{container[place[-1]]}{value}" if prefix else value
    text = yaml.safe_dump(document, allow_unicode=True)
    message = ""
    try:
        project = ProjectFile.parse(text).project
    except ProjectFileError as error:
        message = error.message
    if message:
        assert re.match(r"PROJECT:\d+: ", message)
        assert message.isprintable()
    else:
        for found in texts(project):
            assert SAFE.fullmatch(found)
            assert ".." not in found
        for resource in project.resources:
            assert not resource.path.startswith(("/", "-", "."))
            assert all(path[:1] in {"", "/"} for path in texts(resource)[-2:])


LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(20)
)
MERGES = "a: &a {k: 1}\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [{', '.join([f'*{chr(97 + i)}'] * 9)}], k{i}: 1}}\n" for i in range(20)
)
BOMBS = {
    "laughs": f"{LAUGHS}version: *u\n",
    "laughs as layout": f'{LAUGHS}version: "3"\nlayout: *u\n',
    "laughs as resources": f'{LAUGHS}version: "3"\nlayout: [python.kaiwuctl.io/v1]\nprojectName: a\nresources: *u\n',
    "laughs as a kind": f'{LAUGHS}version: "3"\nlayout: [python.kaiwuctl.io/v1]\nprojectName: a\n'
    "resources: [{kind: *u}]\n",
    "merges": f'{MERGES}version: "3"\nlayout: *u\nprojectName: *u\n',
    "flow": "[" * 200_000,
    "flow maps": "{a: " * 100_000,
    "blocks": "".join(f"{'  ' * i}a:\n" for i in range(700)),
    "sequences": "- " * 100_000,
    "questions": "? " * 100_000,
    "a list": f"a: [{'x,' * 200_000}]",
    "keys": "".join(f"k{i}: {i}\n" for i in range(50_000)),
    "comments": "#\n" * 200_000,
    "anchors": "".join(f"- &a{i} x\n" for i in range(50_000)),
    "a number": f"version: {'9' * 100_000}",
    "a date": "version: 2001-99-99",
    "recursion": 'a: &a [*a]\nversion: "3"\nlayout: *a\n',
    "merged into itself": "a: &a\n  <<: *a\n",
    "tags": "version: !!int x\n",
    "a boolean": "version: !!bool x\n",
    "python": "!!python/object/apply:os.system [touch x]\n",
    "tabs": "\t" * 200_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_ends_in_one_line(name: str) -> None:
    begin = time.process_time()
    with pytest.raises(ProjectFileError) as caught:
        ProjectFile.parse(BOMBS[name])
    assert re.match(r"PROJECT(:\d+)?: ", caught.value.message)
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()
    assert time.process_time() - begin < 30


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_a_kustomization(name: str) -> None:
    begin = time.process_time()
    message = "config/crd/kustomization.yaml: "
    try:
        add_resources("config/crd/kustomization.yaml", BOMBS[name], ["bases/a.yaml"])
    except KaiwuctlError as error:
        message = error.message
    assert re.match(r"config/crd/kustomization\.yaml(:\d+)?: ", message)
    assert len(message) < 400
    assert message.isprintable()
    assert time.process_time() - begin < 30


@given(st.text(alphabet=st.sampled_from("ab01:-[]{},&*!|>'\"%@?#<~. \n\t"), max_size=60))
def test_any_text_is_a_kustomization_or_refused_in_one_line(text: str) -> None:
    result = message = ""
    try:
        result = add_resources("k.yaml", text, ["x.yaml"])
    except KaiwuctlError as error:
        message = error.message
    assert "x.yaml" in result or message.startswith("k.yaml")
    assert "\n" not in message
