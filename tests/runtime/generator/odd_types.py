"""Modules of types, each with one annotation of odd_annotations.py in one of several places."""

from __future__ import annotations

from typing import Final

DEFINITIONS: Final = """
from __future__ import annotations

import abc, array, collections, dataclasses, datetime, decimal, enum, fractions, functools, ipaddress, pathlib, re
import threading, types, typing, uuid
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from collections.abc import *
from typing import *

import pydantic
import typing_extensions
from kaiwu_runtime.api import *
from pydantic import *
from pydantic_core import core_schema

T = TypeVar("T")
TBound = TypeVar("TBound", bound=int)
TOneOf = TypeVar("TOneOf", int, str)
P = ParamSpec("P")

class Plain: pass
class Proto(Protocol):
    x: int
@runtime_checkable
class CheckableProto(Protocol):
    x: int
NewInt = NewType("NewInt", int)
NewPlain = NewType("NewPlain", Plain)
@dataclasses.dataclass
class Data:
    x: int
@pydantic.dataclasses.dataclass
class PydanticData:
    x: int
class Named(NamedTuple):
    x: int
class Typed(typing_extensions.TypedDict):
    x: int
class Partial(typing_extensions.TypedDict, total=False):
    x: int
class Mixed(enum.Enum):
    A = "a"
    B = 2
class Flags(enum.Flag):
    A = 1
class Numbers(enum.IntEnum):
    A = 1
class Words(enum.StrEnum):
    A = "a"
class Empty(enum.Enum): pass
class Objects(enum.Enum):
    A = object()
class Int(int): pass
class Str(str): pass
class Dict2(dict): pass
class List2(list): pass
class Model(BaseModel):
    x: int
class Root(RootModel[int]): pass
class Roots(RootModel[list[int]]): pass
class Generic2(BaseModel, Generic[T]):
    x: T
class Recursive(APIModel):
    again: Recursive | None = None
class Left(APIModel):
    right: list[Right] = []
class Right(APIModel):
    left: Left | None = None
Alias = typing_extensions.TypeAliasType("Alias", int)
ListAlias = typing_extensions.TypeAliasType("ListAlias", list[T], type_params=(T,))
EndlessList = typing_extensions.TypeAliasType("EndlessList", "list[EndlessList] | int")
EndlessDict = typing_extensions.TypeAliasType("EndlessDict", "dict[str, EndlessDict]")
class Core:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return core_schema.str_schema()
class CoreAny:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return core_schema.any_schema()
class CoreRaises:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        raise RuntimeError("first line\\\\nsecond line")
class JsonRaises:
    @classmethod
    def __get_pydantic_core_schema__(cls, source, handler):
        return core_schema.str_schema()
    @classmethod
    def __get_pydantic_json_schema__(cls, schema, handler):
        raise RuntimeError("first line\\\\nsecond line")
class NoRepr(type):
    def __repr__(cls):
        raise RuntimeError("has none")
class Nameless(metaclass=NoRepr): pass
"""

PLACES: Final = {
    "field": "{}",
    "list": "list[{}]",
    "dict": "dict[str, {}]",
    "optional": "Optional[{}]",
    "nested": "{}",
    "key": "dict[{}, int]",
    "default": "{} = object()",
    "none": "{} = None",
}
"""Where a type is written."""

_NESTED: Final = """
class Inner(APIModel):
    odd: {}

class OddSpec(APIModel):
    inner: list[Inner] = []
"""
_FLAT: Final = """
class OddSpec(APIModel):
    odd: {}
"""
_KIND: Final = """
@resource(group="web.example.com", version="v1")
class Odd(CustomResource):
    spec: OddSpec
"""


HEAD: Final = """
from __future__ import annotations

from odd_definitions import *

class NoHash(type):
    __hash__ = None
class Unhashable(metaclass=NoHash): pass
"""
"""The beginning of a module of types: the definitions are in a module called odd_definitions."""


def module_of(annotation: str, place: str) -> str:
    """Return the text of a module of types that has a type in a place."""
    spec = _NESTED if place == "nested" else _FLAT
    return HEAD + spec.format(PLACES[place].format(annotation)) + _KIND
