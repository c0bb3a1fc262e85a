"""References to images, and what else `kaiwuctl create api --image` is told."""

from __future__ import annotations

import ast
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names.image import (
    IMAGE_RULES,
    PORT_RULES,
    USER_RULES,
    format_command,
    parse_command,
    parse_number,
)
from kaiwuctl.names.rule import check
from kaiwuctl.scaffold.image import command_literal, image_literal, image_variable

DIGEST = "sha256:" + "0123456789abcdef" * 4

ACCEPTED = [
    "busybox",
    "busybox:1.36.1",
    "library/busybox:latest",
    "docker.io/library/busybox:1",
    "registry:5000/x:1",
    "registry:5000/x",
    "localhost/x:1",
    "localhost:5000/a/b/c:v1",
    "Registry/x:1",
    "registry.example.com/memcached:1.6-alpine",
    f"x@{DIGEST}",
    f"x:1@{DIGEST}",
    f"registry:5000/x/y@{DIGEST}",
    f"x@sha512:{'a' * 128}",
    "my_org/my__image/a-b---c.d:T_a.g-1",
    "[::1]:5000/x:1",
    "127.0.0.1:5000/x",
    f"x:{'t' * 128}",
    "a" * 255,
    "0/1",
]

REFUSED = {
    "": "image-present",
    "https://registry.example.com/x:1": "image-scheme",
    "docker://x": "image-scheme",
    "x y": "image-characters",
    "x\n": "image-characters",
    "x:1\x00": "image-characters",
    "größe": "image-characters",
    'x"; import os': "image-characters",
    "x:": "image-tag",
    "x:a b": "image-characters",
    f"x:{'t' * 129}": "image-tag",
    "x:-1": "image-tag",
    "x:.1": "image-tag",
    "x@": "image-digest",
    "x@sha256": "image-digest",
    "x@sha256:": "image-digest",
    f"x@sha256:{'a' * 63}": "image-digest",
    f"x@sha256:{'g' * 64}": "image-digest",
    f"x@{DIGEST}@{DIGEST}": "image-digest",
    f"@{DIGEST}": "image-name",
    ":1": "image-name",
    "/x": "image-name",
    "x/": "image-name",
    "x//y": "image-name",
    "-x": "image-name",
    "x-": "image-name",
    "x..y": "image-name",
    "x___y": "image-name",
    "x._y": "image-name",
    "Busybox": "image-name",
    "docker.io/Library/busybox": "image-name",
    "registry:port/x": "image-name",
    "registry:999999/x": "image-name",
    "registry:65536/x": "image-port",
    "../x": "image-name",
    "x$(id)": "image-name",
    "a" * 256: "image-length",
    "a" * 64: "image-identifier",
    "0123456789abcdef" * 4: "image-identifier",
}  # fmt: skip


@pytest.mark.parametrize("image", ACCEPTED)
def test_a_reference_is_accepted(image: str) -> None:
    assert check(image, IMAGE_RULES, what="--image") == image
    # It becomes part of Python and of YAML in double quotes.
    assert ast.literal_eval(f'"{image}"') == image == json.loads(f'"{image}"')


@pytest.mark.parametrize(("image", "rule"), REFUSED.items())
def test_a_reference_is_refused(image: str, rule: str) -> None:
    broken = next(each for each in IMAGE_RULES if not each.holds(image))
    assert broken.name == rule
    with pytest.raises(InvalidNameError, match=r"^--image "):
        check(image, IMAGE_RULES, what="--image")


def test_every_rule_shows_an_image_that_keeps_all() -> None:
    for rules in (IMAGE_RULES, PORT_RULES, USER_RULES):
        for rule in rules:
            assert all(other.holds(rule.example) for other in rules), rule.name


@given(st.text(st.sampled_from("aZ0.-_:/@[]sh256 \"'\\$\n"), max_size=40))
def test_what_is_accepted_needs_no_quoting(image: str) -> None:
    if all(rule.holds(image) for rule in IMAGE_RULES):
        assert ast.literal_eval(f'"{image}"') == image


@pytest.mark.parametrize("text", ["1", "8080", "65535"])
def test_a_port(text: str) -> None:
    assert parse_number(text, PORT_RULES, what="--container-port") == int(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "65536",
        "080",
        "1_000",
        "1e3",
        "8080.0",
        " 80",
        "80\n",
        "\uff18\uff10\uff18\uff10",
        "http",
        "9" * 30,
    ],
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(InvalidNameError, match="must be a number from 1 to 65535"):
        parse_number(text, PORT_RULES, what="--container-port")


@pytest.mark.parametrize("text", ["", "0", "000", "-1", "root", "2147483648", "1001:1001", "\u0661\u0660\u0660\u0661"])
def test_what_is_no_user(text: str) -> None:
    with pytest.raises(InvalidNameError):
        parse_number(text, USER_RULES, what="--run-as-user")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sleep,1000", ("sleep", "1000")),
        ("memcached,--memory-limit=64,-o,modern,-v", ("memcached", "--memory-limit=64", "-o", "modern", "-v")),
        ('["sh", "-c", "echo a,b"]', ("sh", "-c", "echo a,b")),
        ("/bin/app", ("/bin/app",)),
        ("sh,-c,", ("sh", "-c", "")),
        ("größe,'a' \"b\" \\n", ("größe", "'a' \"b\" \\n")),
    ],
)
def test_a_command(text: str, words: tuple[str, ...]) -> None:
    assert parse_command(text, what="--container-command") == words


@pytest.mark.parametrize(
    "text",
    ["", ",x", "[]", "[1]", "[", '["a"', '{"a": 1}x\n', "a\tb", "a\x00", '["\\n"]', '[""]', "[" * 5000, "a" * 5000],
)
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(InvalidNameError, match=r"^--container-command") as refused:
        parse_command(text, what="--container-command")
    assert "\n" not in refused.value.message


PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
WORDS = st.text(PRINTABLE, max_size=150)


@given(st.lists(WORDS, min_size=1, max_size=6).filter(lambda words: words[0] != ""))
@example(['say "hi"', "it's", "both ' and \"", "back\\slash", "[", "a,b"])
@example(["["])
@example([" [x"])
def test_a_command_survives_every_form(words: list[str]) -> None:
    command = tuple(words)
    assert parse_command(format_command(command), what="x") == command or len(format_command(command)) > 4096
    literal = command_literal(command)
    assert ast.literal_eval(literal.removeprefix("COMMAND = ")) == words
    assert all(len(line) <= 120 or line.endswith("# noqa: E501") for line in literal.splitlines())


def test_a_long_image_is_laid_out_as_ruff_does() -> None:
    short = image_literal("X_IMAGE", "x:1")
    assert short == 'IMAGE = os.environ.get("X_IMAGE") or "x:1"'
    for image in ("r" * 100, f"{'r' * 200}@{DIGEST}"):
        lines = image_literal("X_IMAGE", image).splitlines()
        assert len(lines) == (4 if len(image) > 80 else 1)
        assert all(len(line) <= 120 or line.endswith("# noqa: E501") for line in lines)


def test_the_variable_of_a_kind() -> None:
    assert image_variable("Memcached", "") == "MEMCACHED_IMAGE"
    assert image_variable("HTTPRoute", "sea_creatures") == "SEA_CREATURES_HTTPROUTE_IMAGE"
