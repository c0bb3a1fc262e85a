"""Warnings of the API server, in every form that RFC 7234 has, in the log and in the error of a refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.generic_resource import create_namespaced_resource

from kaiwu_runtime import Client
from kaiwu_runtime.errors import APIStatusError, InvalidError
from kaiwu_runtime.rest import _warnings as module
from kaiwu_runtime.rest._warnings import parse_warnings

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(TEXTS, max_size=4), st.booleans(), st.booleans())
def test_every_text_is_read(texts: list[str], in_one_header: bool, dated: bool) -> None:
    values = [f"299 - {quoted(text)}" + (' "Fri, 27 Nov 2026 10:00:00 GMT"' if dated else "") for text in texts]
    values = [", ".join(values)] if in_one_header and values else values
    headers = [(b"date", b"x"), *((b"warning", value.encode()) for value in values)]
    assert parse_warnings(headers) == tuple(dict.fromkeys(texts))


def test_what_has_another_form_is_a_text_as_a_whole() -> None:
    assert parse_warnings([(b"warning", b"beware"), (b"warning", b"\xff")]) == ("beware", "�")
    assert parse_warnings([(b"warning", b'299 - "one", two, 299 - "three"')]) == ("one", 'two, 299 - "three"')


def test_what_is_long_is_cut() -> None:
    (text,) = parse_warnings([(b"warning", b'299 - "' + b"x" * 5000 + b'"')])
    assert text == "x" * module.LONGEST + "..."
    many = [(b"warning", b'299 - "%d"' % number) for number in range(1000)]
    assert len(parse_warnings(many)) == module.MOST
    assert len(parse_warnings([(b"warning", b", ".join(value for _, value in many))])) == module.MOST


def test_a_terminal_gets_no_commands() -> None:
    assert parse_warnings([(b"warning", '299 - "a\x1b[2J\x9bb\tc"'.encode())]) == ("a [2J b c",)


PIECES = st.sampled_from(["299 - ", '"', "\\", '\\"', " ", ",", "x", "299", "-", "\t", '299 - "\\"'])


@given(st.lists(PIECES, max_size=40))
def test_any_value_is_read(pieces: list[str]) -> None:
    value = "".join(pieces)
    texts = parse_warnings([(b"warning", value.encode())])
    assert bool(texts) is bool(value.strip())
    # Nothing of it is looked at twice: else a long value would hold up the event loop.
    assert sum(map(len, texts)) <= len(value)


def test_an_error_shows_them() -> None:
    error = APIStatusError("no", code=422, warnings=["one", "two"])
    assert str(error) == "no; the API server warns: one; the API server warns: two"
    assert error.message == "no"


@pytest.mark.envtest
async def test_a_refusal_comes_with_its_warnings(client: Client, namespace: str) -> None:
    pod: Any = create_namespaced_resource("", "v1", "Pod", "pods")
    made = pod(metadata={"name": "a", "namespace": namespace}, spec={"containers": [], "containerz": [{"name": "a"}]})
    with pytest.raises(InvalidError) as caught:
        await client.create(made)
    assert caught.value.warnings == ('unknown field "spec.containerz"',)
    assert str(caught.value).endswith('; the API server warns: unknown field "spec.containerz"')
