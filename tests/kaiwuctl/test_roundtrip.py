"""YAML written by people keeps their comments, order, quotes and indentation when entries are added."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.roundtrip import Document, InvalidYAMLError
from kaiwuctl.scaffold.kustomize import add_resources, remove_resources

HEAD = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
KUSTOMIZATIONS = {
    "plain": ("resources:\n- a.yaml\n", "resources:\n- a.yaml\n- b.yaml\n"),
    "indented": (
        "resources:\n  - a.yaml\nnamePrefix: x\n",
        "resources:\n  - a.yaml\n  - b.yaml\nnamePrefix: x\n",
    ),
    "comment-of-the-next-key": (
        "resources:\n- a.yaml # why\n\n# The prefix.\nnamePrefix: x\n",
        "resources:\n- a.yaml # why\n- b.yaml\n\n# The prefix.\nnamePrefix: x\n",
    ),
    "comment-at-the-end": ("resources:\n- a.yaml\n# end\n", "resources:\n- a.yaml\n- b.yaml\n# end\n"),
    "empty-list": ("# mine\nresources: []\n", "# mine\nresources:\n- b.yaml\n"),
    "flow-list": ("resources: [a.yaml]\n", "resources:\n- a.yaml\n- b.yaml\n"),
    "no-value": ("resources:\nnamePrefix: x\n", "resources:\n- b.yaml\nnamePrefix: x\n"),
    "no-list": ("namePrefix: x\n", "namePrefix: x\nresources:\n- b.yaml\n"),
    "quotes": ("resources:\n- 'a.yaml'\n- \"c.yaml\"\n", "resources:\n- 'a.yaml'\n- \"c.yaml\"\n- b.yaml\n"),
    "document-start": ("---\nresources:\n- a.yaml\n", "---\nresources:\n- a.yaml\n- b.yaml\n"),
    "windows-line-ends": ("resources:\r\n- a.yaml\r\n", "resources:\r\n- a.yaml\r\n- b.yaml\r\n"),
    "long-line": (
        f"# {'x' * 200}\nresources:\n- {'y' * 200}\n",
        f"# {'x' * 200}\nresources:\n- {'y' * 200}\n- b.yaml\n",
    ),
    "only-comments": (
        "# to be filled\n",
        f"# to be filled\n{HEAD}resources:\n- b.yaml\n",
    ),
}


@pytest.mark.parametrize("case", KUSTOMIZATIONS)
def test_a_resource_is_added(case: str) -> None:
    before, after = KUSTOMIZATIONS[case]
    assert add_resources("k.yaml", before, ["b.yaml"]) == after


@pytest.mark.parametrize("case", KUSTOMIZATIONS)
def test_adding_again_changes_nothing(case: str) -> None:
    _, after = KUSTOMIZATIONS[case]
    assert add_resources("k.yaml", after, ["b.yaml"]) == after


def test_a_text_that_has_the_resource_stays_to_the_byte() -> None:
    odd = "resources:   [ b.yaml ,a.yaml]   # odd\n"
    assert add_resources("k.yaml", odd, ["b.yaml"]) == odd


def test_a_new_kustomization() -> None:
    text = add_resources("k.yaml", None, ["a.yaml", "b.yaml"])
    assert yaml.safe_load(text) == {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["a.yaml", "b.yaml"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resources:\n- a: [\n", r"^k\.yaml:3: broken YAML: "),
        ("a: 1\na: 2\n", r"^k\.yaml:2: broken YAML: "),
        ("a: 1\n---\nb: 2\n", r"^k\.yaml:\d: broken YAML: "),
        ("a: \x07\n", r"^k\.yaml:1: broken YAML: "),
        ("\tresources: []\n", r"^k\.yaml:1: broken YAML: "),
        ("- a.yaml\n", r"^k\.yaml:1: must be a YAML mapping"),
        ("a: 1\nresources: b.yaml\n", r"^k\.yaml:2: resources must be a list"),
        ("a: &x [*x]\nresources: *y\n", r"^k\.yaml:\d: broken YAML: "),
    ],
)
def test_a_broken_kustomization_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(KaiwuctlError, match=message) as caught:
        add_resources("k.yaml", text, ["b.yaml"])
    assert "\n" not in caught.value.message


NAMES = st.text("abcdefghij-./", min_size=1, max_size=12).map(lambda name: f"x{name}.yaml")
COMMENTS = st.lists(st.sampled_from(["", "# one", "# two: [", "#three"]), max_size=3)


@given(
    present=st.lists(NAMES, unique=True, max_size=5),
    added=st.lists(NAMES, unique=True, max_size=4),
    gaps=COMMENTS,
)
def test_entries_and_comments_survive(present: list[str], added: list[str], gaps: list[str]) -> None:
    gap = "".join(f"{line}\n" for line in gaps)
    entries = "".join(f"- {name} # {index}\n" for index, name in enumerate(present))
    text = f"# head\nresources:\n{entries}{gap}namePrefix: kaiwu-\n"
    result = add_resources("k.yaml", text, added)
    loaded = yaml.safe_load(result)
    assert loaded["resources"] == ([*present, *(name for name in added if name not in present)] or None)
    assert loaded["namePrefix"] == "kaiwu-"
    for line in [*entries.splitlines(), *(line for line in gaps if line), "# head"]:
        assert line in result.splitlines()
    if present:
        assert result.endswith(f"{gap}namePrefix: kaiwu-\n")
    assert add_resources("k.yaml", result, added) == result


@given(st.text(max_size=60))
def test_any_text_loads_or_is_refused_with_a_line(text: str) -> None:
    try:
        Document(text)
    except InvalidYAMLError as error:
        line, problem = error.line, error.problem
    else:
        return
    assert 1 <= line <= text.count("\n") + text.count("\r") + 2
    assert problem


@pytest.mark.parametrize("case", sorted(KUSTOMIZATIONS.keys() - {"flow-list", "no-value", "no-list", "only-comments"}))
def test_removing_what_was_added_gives_back_the_text(case: str) -> None:
    before, after = KUSTOMIZATIONS[case]
    assert remove_resources("k.yaml", after, ["b.yaml"]) == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("resources: [a.yaml, b.yaml]\nnamePrefix: x # mine\n", "resources: [a.yaml]\nnamePrefix: x # mine\n"),
        ("resources: [b.yaml]\n", "resources: []\n"),
        ("resources: # why\n- b.yaml\n", "resources: [] # why\n"),
        ("resources:\n- b.yaml # mine\n# below\n- a.yaml\n", "resources:\n# below\n- a.yaml\n"),
        ("resources:\n- a.yaml\n\n- b.yaml\n\nnamePrefix: x\n", "resources:\n- a.yaml\n\n\nnamePrefix: x\n"),
        ('resources:\n- "b.yaml"\n- b.yaml\n', "resources: []\n"),
        ("resources:\n- >-\n  b.yaml\n- a.yaml\n", "resources:\n- a.yaml\n"),
        ("namePrefix: x\n", "namePrefix: x\n"),
        ("resources:\n", "resources:\n"),
        ("resources: {}\n", "resources: {}\n"),
        ("# nothing\n", "# nothing\n"),
        ("resources:\n- a: 1\n- b.yaml", "resources:\n- a: 1\n"),
    ],
)
def test_a_resource_is_removed(before: str, after: str) -> None:
    assert remove_resources("k.yaml", before, ["b.yaml"]) == after


@given(
    names=st.lists(st.text("abc#: '\"\u0394-.", min_size=1, max_size=6), min_size=1, max_size=6),
    gone=st.sets(st.integers(0, 5)),
    indent=st.sampled_from(["", "  "]),
    comments=st.lists(st.sampled_from(["", "# x\n", "\n"]), min_size=6, max_size=6),
    tail=st.sampled_from(["", "namePrefix: x\n", "\n# end\nnamePrefix: x\n"]),
)
def test_the_other_items_stay_as_they_are(
    names: list[str], gone: set[int], indent: str, comments: list[str], tail: str
) -> None:
    items = [json.dumps(name, ensure_ascii=False) for name in names]
    removed = {name for index, name in enumerate(names) if index in gone}

    def text(kept: list[int]) -> str:
        key = "resources:\n" if kept else "resources: []\n"
        lines = [f"{comments[index]}{indent}- {items[index]}\n" for index in kept]
        return f"{key}{''.join(lines)}{tail}"

    everything = text(list(range(len(names))))
    left = remove_resources("k.yaml", everything, sorted(removed))
    kept = [name for name in names if name not in removed]
    assert yaml.safe_load(left) == {**yaml.safe_load(everything), "resources": kept}
    # No line is lost but those of the items that go.
    for line in everything.splitlines():
        if line.strip()[:1] == "#":
            assert everything.count(line) == left.count(line)
    if not any(comments) and kept:
        assert left == text([index for index, name in enumerate(names) if name not in removed])
