"""What acts on a stand-in is a handle, and data is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from kaiwu_runtime.testing.faults._handles import is_handle


@dataclass
class Record:
    name: str
    labels: dict[str, str] = field(default_factory=dict)


class Client:
    def __init__(self) -> None:
        self.records = {"a": Record("a")}

    def read(self) -> object:
        return self.records


class Slotted:
    __slots__ = ("client", "unset")

    def __init__(self, client: Client) -> None:
        self.client = client


class Deep:
    def __init__(self, client: Client) -> None:
        self.options = {"transport": [Slotted(client)]}


class Ring:
    def __init__(self) -> None:
        self.me = self


def _generated(client: Client) -> Any:
    yield client


@pytest.mark.parametrize(
    "make",
    [
        lambda client: client,
        Slotted,
        Deep,
        _generated,
        lambda client: client.read,
        lambda client: partial(print, client),
        lambda client: lambda: client,
    ],
)
def test_what_refers_to_the_stand_in_is_a_handle(make: Callable[[Client], object]) -> None:
    client = Client()
    assert is_handle(make(client), client)
    assert not is_handle(make(Client()), client)


@pytest.mark.parametrize(
    "value", [None, 1, "a", b"a", Client, asyncio, Ring(), Record("a"), [], {}, ValueError("a"), len, object()]
)
def test_data_is_none(value: object) -> None:
    assert not is_handle(value, Client())


def test_records_of_the_stand_in_are_data() -> None:
    client = Client()
    assert not is_handle(client.records["a"], client)
    assert not is_handle({"client": client}, client), "a mapping is passed on as it is"
