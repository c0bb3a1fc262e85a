"""Lines of a watch that an API server does not send: errors of the runtime, or objects that are left out."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.cache import CacheOptions, Informer, ListScope
from kaiwu_runtime.errors import KaiwuError
from kaiwu_runtime.testing import FakeTransport

from ..client.test_odd_answers import BODIES

TYPES = [
    b'"ADDED"',
    b'"MODIFIED"',
    b'"DELETED"',
    b'"BOOKMARK"',
    b'"ERROR"',
    b'"OTHER"',
    b'""',
    b"1",
    b"null",
    b'"\xff"',
]


def take(line: bytes, options: CacheOptions | None = None) -> None:
    """Let a reflector take a line; only errors of the runtime may come out: they are waited and tried again for."""
    informer = Informer[Any](FakeTransport(), ConfigMap, [ListScope()], options)
    informer.replace([], "", "1")
    (reflector,) = informer._reflectors.values()
    with contextlib.suppress(KaiwuError):
        reflector._take(line)


@pytest.mark.parametrize("options", [None, CacheOptions(transform=lambda document: document)], ids=["as is", "changed"])
@pytest.mark.parametrize("kind", TYPES)
async def test_any_object_of_any_type(kind: bytes, options: CacheOptions | None) -> None:
    for body in BODIES.values():
        take(b'{"type":' + kind + b',"object":' + body + b"}", options)
        take(b'{"object":' + body + b',"type":' + kind + b"}", options)
        take(body, options)


PIECES = [
    b'{"type":"ADDED","object":',
    b'{"metadata":',
    b'{"name":"a"',
    b',"resourceVersion":"5"',
    b"}",
    b"}}",
    b"[",
    b"]",
]


@given(
    st.lists(st.sampled_from([*PIECES, b'"', b",", b"\\", b"\xff", b"1e400", b'"managedFields":[{"x":1}]']), max_size=9)
)
def test_any_bytes(pieces: list[bytes]) -> None:
    take(b"".join(pieces))
