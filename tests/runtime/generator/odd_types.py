"""A table of types that a user may write in a model, most of which no CRD can have, each in several places."""

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

TYPES: Final = (
    "Plain",
    "Callable",
    "Callable[[int], str]",
    "Generator[int, None, None]",
    "Iterator[int]",
    "Iterable[int]",
    "AsyncIterator[int]",
    "Awaitable[int]",
    "Coroutine[Any, Any, int]",
    "Proto",
    "CheckableProto",
    "T",
    "TBound",
    "TOneOf",
    "P",
    r'"Missing"',
    r'"list[Missing]"',
    r'"1 +"',
    r'"int or str"',
    r'"re.Missing"',
    r'""',
    "NewInt",
    "NewPlain",
    "Data",
    "PydanticData",
    "Named",
    "Typed",
    "Partial",
    "Mixed",
    "Flags",
    "Numbers",
    "Words",
    "Empty",
    "Objects",
    "Int",
    "Str",
    "Dict2",
    "List2",
    "Model",
    "Root",
    "Roots",
    "Generic2",
    "Generic2[int]",
    "Generic2[T]",
    "Recursive",
    "Left",
    "Alias",
    "ListAlias",
    "ListAlias[int]",
    "EndlessList",
    "EndlessDict",
    "Core",
    "CoreAny",
    "CoreRaises",
    "JsonRaises",
    "Nameless",
    "Unhashable",
    "complex",
    "decimal.Decimal",
    "fractions.Fraction",
    "bytes",
    "bytearray",
    "memoryview",
    "re.Pattern",
    "re.Pattern[str]",
    "re.Match",
    "type",
    "type[int]",
    "type[Any]",
    "Type",
    "object",
    "Any",
    "None",
    "NoReturn",
    "Never",
    "LiteralString",
    "Final[int]",
    "ClassVar[int]",
    "Required",
    "typing.Required[int]",
    "NotRequired[int]",
    "Self",
    "Literal",
    r'Literal["a"]',
    r'Literal[1, "a"]',
    r'Literal[b"a"]',
    "Literal[Mixed.A]",
    "Literal[True]",
    "Literal[1.5]",
    "Literal[None]",
    "Annotated",
    "Annotated[int, 5]",
    "Optional",
    "Union",
    "Union[int]",
    "int | str",
    "int | list[int]",
    "Plain | None",
    "Model | Typed",
    "tuple",
    "tuple[int]",
    "tuple[int, ...]",
    "tuple[()]",
    "set",
    "set[int]",
    "frozenset[int]",
    "list",
    "list[list[int]]",
    "List",
    "dict",
    "dict[int, int]",
    "dict[Plain, int]",
    "dict[str, Any]",
    "dict[Any, Any]",
    "Mapping[str, int]",
    "MutableMapping[str, int]",
    "Sequence[int]",
    "OrderedDict",
    "OrderedDict[str, int]",
    "Counter",
    "Counter[str]",
    "deque",
    "deque[int]",
    "defaultdict",
    "defaultdict[str, int]",
    "ChainMap[str, int]",
    "datetime.datetime",
    "datetime.date",
    "datetime.time",
    "datetime.timedelta",
    "datetime.timezone",
    "uuid.UUID",
    "ipaddress.IPv4Address",
    "ipaddress.IPv4Network",
    "ipaddress.ip_address",
    "pathlib.Path",
    "FilePath",
    "AnyUrl",
    "HttpUrl",
    "EmailStr",
    "SecretStr",
    "SecretBytes",
    "Secret[int]",
    "Json",
    "Json[int]",
    "ByteSize",
    "PastDate",
    "AwareDatetime",
    "ImportString",
    "StrictInt",
    "conint(ge=1)",
    r'constr(pattern="(")',
    r'constr(pattern="^a$")',
    "conlist(int, min_length=1)",
    "condecimal(max_digits=2)",
    "PositiveInt",
    "FiniteFloat",
    "SkipValidation[int]",
    "InstanceOf[Plain]",
    "SerializeAsAny[Model]",
    "Base64Str",
    "Base64UrlBytes",
    "OnErrorOmit[int]",
    "types.ModuleType",
    "types.FunctionType",
    "types.NoneType",
    "abc.ABC",
    "BaseModel",
    "APIModel",
    "CustomResource",
    "RootModel",
    "RootModel[int]",
    "array.array",
    "threading.Lock",
    "functools.partial",
    r'ForwardRef("Missing")',
    r'ForwardRef("int")',
    "5",
    "5.5",
    "[int]",
    r'"a b"',
    "...",
    "lambda: 1",
    "print",
    "re",
    "Quantity",
    "Duration",
    "IntOrString",
    "Time",
    "Condition",
    "Conditions",
    "Kube",
    "Kube[int]",
    "Kube[Plain]",
    r'Kube["x"]',
    "typing_extensions.TypeIs[int]",
    "Concatenate[int, P]",
    "Unpack[Typed]",
    "TypeGuard[int]",
    "AnyStr",
    "Hashable",
    "Sized",
    "Text",
    "range",
    "slice",
    "float",
    "bool",
    "int",
    "Exception",
    "type(None)",
    "NotImplemented",
    "property",
    "enum.Enum",
    "enum.IntEnum",
    "Annotated[Plain, Field(ge=1)]",
    r'Annotated[int, Field(ge="x")]',
    r'Annotated[int, Field(pattern="a")]',
    "Annotated[str, Field(ge=1)]",
    r'Annotated[list[int], Field(pattern="a")]',
    "Annotated[dict, Field(min_length=-1)]",
    "Annotated[str, Field(min_length=5, max_length=1)]",
    "Annotated[int, Field(ge=5, le=1)]",
    "Annotated[str, Format(5)]",
    "Annotated[str, Example(object())]",
    "Annotated[str, Default(object())]",
    "Annotated[str, Default(5)]",
    r'Annotated[int, SchemaType("x")]',
    "Annotated[int, SchemaExtra(5)]",
    "Annotated[int, SchemaExtra({1: object()})]",
    r'Annotated[int, SchemaExtra({"a": float("nan")})]',
    r'Annotated[int, SchemaExtra({"type": "odd"}), Default(1)]',
    r'Annotated[int, SchemaExtra({"type": 5}), Default(1)]',
    r'Annotated[int, SchemaExtra({"enum": 5}), Default(1)]',
    r'Annotated[int, SchemaExtra({"minimum": "a"}), Default(1)]',
    r'Annotated[str, SchemaExtra({"minLength": "a"}), Default("a")]',
    r'Annotated[str, SchemaExtra({"pattern": 5}), Default("a")]',
    r'Annotated[str, SchemaExtra({"format": 5}), Default("a")]',
    r'Annotated[str, SchemaExtra({"allOf": 5}), Default("a")]',
    r'Annotated[int, SchemaExtra({"multipleOf": 0}), Default(1)]',
    r'Annotated[list[int], SchemaExtra({"items": 5}), Default([1])]',
    r'Annotated[list[int], SchemaExtra({"x-kubernetes-list-map-keys": 5}), Default([1])]',
    r'Annotated[Model, SchemaExtra({"properties": 5}), Default({"x": 1})]',
    r'Annotated[Model, SchemaExtra({"properties": {"x": 5}}), Default({"x": 1})]',
    r'Annotated[Model, SchemaExtra({"required": 5}), Default({"x": 1})]',
    r'Annotated[Model, SchemaExtra({"x-kubernetes-validations": 5})]',
    r'Annotated[Model, SchemaExtra({"x-kubernetes-validations": [5]})]',
    "Annotated[int, CEL(5)]",
    r'Annotated[int, CEL("(")]',
    r'Annotated[list[Model], ListMapKeys("nope")]',
    r'Annotated[list[Model], ListMapKeys("x")]',
    "Annotated[list[Model], ListMapKeys()]",
    "Annotated[list[Model], ListMapKeys(5)]",
    r'Annotated[list[int], ListType("odd")]',
    r'Annotated[int, MapType("odd")]',
    "Annotated[int, Schemaless()]",
    "Annotated[Plain, Schemaless()]",
    "Annotated[Callable, Schemaless()]",
    "Annotated[T, Schemaless()]",
    r'Annotated[Plain, SchemaType("string")]',
    r'Annotated[Plain, SchemaType("string"), Default(5)]',
    "Annotated[Any, PreserveUnknownFields()]",
    "Annotated[Plain, PreserveUnknownFields()]",
    "Annotated[int, PlainSerializer(lambda v: object())]",
    "Annotated[int, BeforeValidator(5)]",
    r'Annotated[int, WithJsonSchema({"type": "x"})]',
    r'Annotated[Plain, WithJsonSchema({"type": "string"})]',
    r'Annotated[Model | Typed, Discriminator("x")]',
    r'Annotated[int, Tag("a")]',
    "Annotated[int, Nullable]",
    "Annotated[int, CEL]",
    "Annotated[int, Title(5)]",
    "Annotated[int, ExternalDocs(5)]",
    r'Annotated[int, MinProperties("x")]',
    "Annotated[int, Immutable(5)]",
)

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
