"""What a Reader has, every client has with the same arguments."""

from __future__ import annotations

import inspect

import pytest

from kaiwu_runtime import Client, Reader
from kaiwu_runtime.cache._cached_client import CachedClient

METHODS = [name for name, _ in inspect.getmembers(Reader, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("client", [Client, CachedClient])
def test_a_client_is_a_reader(client: type[Client]) -> None:
    assert METHODS == ["find", "get", "list"]
    for name in METHODS:
        wanted = inspect.signature(getattr(Reader, name)).parameters
        found = inspect.signature(getattr(client, name)).parameters
        assert {each: found.get(each) for each in wanted} == dict(wanted), name
