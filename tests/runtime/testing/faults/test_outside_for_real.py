"""What lives outside Kubernetes is called by another process: values, errors, effects, and calls that end early."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import json
import os
import stat
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kaiwu_runtime.testing import eventually
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._real._calls import Fate
from kaiwu_runtime.testing.faults._real._launcher import WEBHOOKS_ONLY
from kaiwu_runtime.testing.faults._real._outside_messages import VARIABLE, ModuleNames
from kaiwu_runtime.testing.faults._real._outside_server import OutsideServer
from kaiwu_runtime.testing.faults._real._remote import Remote

TEMPORARY = Path(tempfile.gettempdir())
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(dt.UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=10,
)


class OddError(Exception):
    """Cannot be made anew by pickle from what it has in `args`."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.connection = threading.Lock()


class Tool:
    def __init__(self, machine: Machine) -> None:
        self.machine = machine


class Machine:
    """A stand-in with functions of every kind."""

    def __init__(self) -> None:
        self.parts: list[object] = []
        self.cancelled = False
        self.lock = threading.Lock()

    async def echo(self, *args: object, **kwargs: object) -> object:
        return args, kwargs

    def add(self, part: object, *, front: bool = False) -> int:
        self.parts.insert(0 if front else len(self.parts), part)
        return len(self.parts)

    async def big(self, size: int) -> bytes:
        return b"x" * size

    async def wait(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True

    async def refuse(self) -> None:
        raise KeyError("no such part")

    async def break_down(self) -> None:
        self.parts.clear()
        raise OSError("no oil")

    def refuse_oddly(self) -> None:
        raise OddError(7, reason="worn out")

    async def __aenter__(self) -> Machine:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        self.parts.append("closed")
        return kind is ValueError

    def __enter__(self) -> int:
        return 7

    def __exit__(self, *_: object) -> None:
        return None

    async def __call__(self, part: object) -> None:
        self.parts.append(part)

    def refuse_locally(self) -> None:
        class LocalError(Exception):
            pass

        raise LocalError("no such class")

    def borrow(self) -> object:
        return self.lock

    def tool(self) -> Tool:
        return Tool(self)

    @property
    def tools(self) -> Tool:
        return Tool(self)


class Running:
    """A served Machine, as the kit and as the operator see it."""

    def __init__(self, folder: Path = TEMPORARY, *, fate: Fate = "", unsent: str = "") -> None:
        self.machine = Machine()
        self.happened: list[tuple[str, str]] = []
        self.fate = fate
        self.unsent = unsent
        self.server = OutsideServer(
            Changes({Machine: self.machine}), folder, main="main", calls=self, failure=_worn_out
        )

    async def version(self) -> str:
        return "7"

    def failure(self, text: str) -> str:
        return "unsent" if text == self.unsent else ""

    async def call(self, text: str, version: str) -> Fate:
        self.happened.append((text, version))
        return self.fate

    async def __aenter__(self) -> Running:
        await self.server.__aenter__()
        self.path = Path(_told(self.server)["socket"])
        self.remote: Any = Remote(self.path, 0, "Machine", ModuleNames(to_main="main", from_main=""))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.__aexit__(None, None, None)

    async def ask(self, name: str, *args: object, **kwargs: object) -> Any:
        """Call a function as the operator does, whose loop waits while a plain one runs in the kit's process."""
        function = await asyncio.to_thread(getattr, self.remote, name)
        if inspect.iscoroutinefunction(function):
            return await function(*args, **kwargs)
        return await asyncio.to_thread(function, *args, **kwargs)


def _worn_out(kind: type[Any], call: str, lost: bool) -> Exception:
    return BlockingIOError(f"{kind.__name__}: {call} is {'lost' if lost else 'unsent'}")


def _told(server: OutsideServer) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(server.environment()[VARIABLE])
    return found


@given(st.lists(VALUES, max_size=3), st.dictionaries(st.text(min_size=1), VALUES, max_size=3))
@settings(max_examples=50, deadline=None)
def test_values_arrive_as_they_are(args: list[object], kwargs: dict[str, object]) -> None:
    async def main() -> object:
        async with Running() as running:
            return await running.ask("echo", *args, **kwargs)

    assert asyncio.run(main()) == (tuple(args), kwargs)


async def test_a_call_that_changes_something_is_an_effect() -> None:
    async with Running() as running:
        assert await running.ask("add", "wheel") == 1
        assert await running.ask("echo", 1) == ((1,), {})
        assert await running.ask("add", "horn", front=True) == 2
        assert await asyncio.to_thread(getattr, running.remote, "parts") == ["horn", "wheel"]
        assert running.happened == [("Machine.add('wheel')", "7"), ("Machine.add('horn', front=True)", "7")]
        assert running.server.asked == {Machine}


async def test_a_call_that_fails_after_it_has_changed_something_is_an_effect() -> None:
    async with Running() as running:
        await running.ask("add", "wheel")
        with pytest.raises(OSError, match="no oil"):
            await running.ask("break_down")
        assert running.happened[1:] == [("Machine.break_down()", "7")]


@pytest.mark.parametrize(
    ("name", "args", "kind", "text"),
    [
        ("refuse", (), KeyError, "'no such part'"),
        ("refuse_oddly", (), OddError, "7: worn out"),
        ("refuse_locally", (), RuntimeError, "LocalError: no such class"),
        ("borrow", (), TypeError, "Machine.borrow: its result cannot be copied to the operator's process: TypeError: "),
        ("echo", (threading.Lock(),), TypeError, "Machine.echo: its arguments cannot be copied to the fault kit: "),
        ("lock", (), TypeError, "Machine.lock: its result cannot be copied to the operator's process: "),
        ("tool", (), TypeError, "Machine.tool: the object outside is used through the Tool that it returns: "),
        ("tools", (), TypeError, "Machine.tools: the object outside is used through the Tool that it returns: "),
        ("missing", (), AttributeError, "'Machine' object has no attribute 'missing'"),
        ("__deepcopy__", (), AttributeError, "__deepcopy__"),
        ("add", (), TypeError, "missing 1 required positional argument: 'part'"),
    ],
)
async def test_what_goes_wrong(name: str, args: tuple[object, ...], kind: type[Exception], text: str) -> None:
    async with Running() as running:
        with pytest.raises(kind) as raised:
            await running.ask(name, *args)
        assert text in str(raised.value)
        assert running.happened == []
        assert await running.ask("add", "wheel") == 1, "the next call is not disturbed"


async def test_blocks_and_calls_of_the_object_itself() -> None:
    async with Running() as running:
        for name in ("__aenter__", "__aexit__", "__call__"):  # as it asks in the event loop, which is the kit's here
            await asyncio.to_thread(running.remote._kaiwu_attribute, name)
        async with running.remote as machine:
            assert machine is running.remote
            await machine("wheel")
            raise ValueError("is passed on, and suppressed by the object")
    async with Running() as other:

        def block() -> int:
            with other.remote as found:
                return int(found)

        assert await asyncio.to_thread(block) == 7
    assert running.machine.parts == ["wheel", "closed"]
    assert [text.partition("(")[0] for text, _ in running.happened] == ["Machine.__call__", "Machine.__aexit__"]


async def test_an_error_has_its_attributes_but_those_that_cannot_be_copied() -> None:
    async with Running() as running:
        with pytest.raises(OddError) as raised:
            await running.ask("refuse_oddly")
    assert vars(raised.value) == {"code": 7}


async def test_a_large_result() -> None:
    async with Running() as running:
        assert len(await running.ask("big", 20_000_000)) == 20_000_000


async def test_an_operator_that_was_killed_gets_no_answer() -> None:
    async with Running(fate="killed") as running:
        with pytest.raises(ConnectionError, match=r"Machine.add: the fault kit has ended the call"):
            await running.ask("add", "wheel")
        assert running.machine.parts == ["wheel"], "it took effect"


async def test_an_answer_that_is_lost() -> None:
    async with Running(fate="lost") as running:
        with pytest.raises(BlockingIOError, match=r"^Machine: Machine.add\('wheel'\) is lost$"):
            await running.ask("add", "wheel")
        assert running.machine.parts == ["wheel"], "it took effect"
        assert await running.ask("echo", 1) == ((1,), {})


async def test_a_call_that_is_not_sent() -> None:
    async with Running(unsent="Machine.add('wheel')") as running:
        with pytest.raises(BlockingIOError, match=r"^Machine: Machine.add\('wheel'\) is unsent$"):
            await running.ask("add", "wheel")
        assert (running.machine.parts, running.happened) == ([], [])
        assert await running.ask("add", "horn") == 1


@pytest.mark.parametrize("end", ["cancelled", "dropped", "closed"])
async def test_a_call_that_ends_early(end: str, caplog: pytest.LogCaptureFixture) -> None:
    async with Running() as running:
        wait = await asyncio.to_thread(getattr, running.remote, "wait")
        calling = asyncio.create_task(wait())
        await eventually(lambda: bool(running.server.asked), timeout=10)
        if end == "cancelled":
            calling.cancel()
        elif end == "dropped":
            running.server.drop()
        else:
            await running.server.__aexit__(None, None, None)
        with pytest.raises((asyncio.CancelledError, ConnectionError)):
            await calling
        await eventually(lambda: running.machine.cancelled, timeout=10)
        await asyncio.sleep(0.05)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_many_calls_at_the_same_time() -> None:
    async with Running() as running:
        await asyncio.gather(*(running.ask("add", number) for number in range(50)))
        assert sorted(map(int, map(str, running.machine.parts))) == list(range(50))


@pytest.mark.parametrize("name", ["tmp", "x" * 120])
async def test_only_this_user_reaches_the_socket(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    async with Running(tmp_path / name) as running:
        assert await running.ask("add", 1) == 1
        assert stat.S_IMODE(running.path.parent.stat().st_mode) == 0o700
    assert not running.path.parent.exists()
    assert list((tmp_path / name).iterdir()) == []


async def test_without_an_outside_nothing_is_served() -> None:
    async with OutsideServer(Changes({}), TEMPORARY, main="main", calls=Running(), failure=_worn_out) as server:
        assert server.environment() == {}
        server.drop()


TYPES = """
class Registry:
    def __init__(self) -> None:
        self.names = []

    def put(self, item: object) -> object:
        self.names.append(type(item).__name__)
        return item
"""
PROGRAM = """
import os, sys
from kaiwu_runtime import Client, Manager
from kaiwu_runtime.testing import FakeTransport
from outside_types import Registry


class Item:
    pass


class Shelf:
    def put(self, item):
        raise OSError("the real one")


class Keeper:
    def __init__(self, registry: Registry, shelf: Shelf) -> None:
        self.registry, self.shelf = registry, shelf

    def setup_with_manager(self, manager) -> None:
        assert isinstance(self.registry.put(Item()), Item)
        assert isinstance(self.shelf.put(Item()), Item)
        print("kept", sys.argv[1:], sorted(name for name in os.environ if name.startswith("KAIWU_FAULTS")))


if __name__ == "__main__":
    manager = Manager(client=Client(FakeTransport()))
    manager.provide(Shelf, Shelf())
    manager.setup(Keeper)
    sys.exit(3)
"""


@pytest.mark.parametrize("command", [["main_of_it.py"], ["-m", "main_of_it"]])
async def test_the_program_of_an_operator_gets_the_objects(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose types are in a module, and those whose types are in the program itself; it is not changed."""
    (tmp_path / "outside_types.py").write_text(TYPES, encoding="utf-8")
    (tmp_path / "main_of_it.py").write_text(PROGRAM, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    program, types = __import__("main_of_it"), __import__("outside_types")
    world = {types.Registry: types.Registry(), program.Shelf: types.Registry()}
    counts = Running()
    served = OutsideServer(Changes(world), tmp_path, main="main_of_it", calls=counts, failure=_worn_out)
    try:
        async with served as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "kaiwu_runtime.testing.faults._real._launcher", *command, "--flag"),
                cwd=tmp_path,
                env={**os.environ, **server.environment(), WEBHOOKS_ONLY: "1"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            output, errors = await asyncio.wait_for(process.communicate(), 60)
    finally:
        for name in ("main_of_it", "outside_types"):
            sys.modules.pop(name, None)
    assert (process.returncode, output.decode()) == (3, "kept ['--flag'] []\n"), errors.decode()
    assert [text.partition("(")[0] for text, _ in counts.happened] == ["Registry.put", "Shelf.put"]
    assert [each.names for each in world.values()] == [["Item"], ["Item"]]
