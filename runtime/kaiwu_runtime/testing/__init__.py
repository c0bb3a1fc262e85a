"""For tests of operators: an API server in memory, managers that fail the test, waiting, stand-ins; see `envtest`."""

from __future__ import annotations

from kaiwu_runtime._lazy_names import lazy_names

# Not typing's, whose import takes most of the time until a command line can report Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from kaiwu_runtime.testing._doubles import FakeClock, FakeEvent, FakeRecorder
    from kaiwu_runtime.testing._injection import FakeRequest
    from kaiwu_runtime.testing._kinds import FakeKind
    from kaiwu_runtime.testing._node import FakeCommand, FakeProxyRequest
    from kaiwu_runtime.testing._objects import objects
    from kaiwu_runtime.testing._round_trip import assert_round_trip
    from kaiwu_runtime.testing._running import ManagerRefusedError, run_manager
    from kaiwu_runtime.testing._simulation._nodes import SimulatedNode
    from kaiwu_runtime.testing._simulation._pods import Timings
    from kaiwu_runtime.testing._simulator import Simulator
    from kaiwu_runtime.testing._transport import FakeTransport
    from kaiwu_runtime.testing._virtual_time import VirtualTime, virtual_time
    from kaiwu_runtime.testing._waiting import eventually, wait_for

__all__ = [
    "FakeClock",
    "FakeCommand",
    "FakeEvent",
    "FakeKind",
    "FakeProxyRequest",
    "FakeRecorder",
    "FakeRequest",
    "FakeTransport",
    "ManagerRefusedError",
    "SimulatedNode",
    "Simulator",
    "Timings",
    "VirtualTime",
    "assert_round_trip",
    "eventually",
    "objects",
    "run_manager",
    "virtual_time",
    "wait_for",
]

__getattr__ = lazy_names(
    __name__,
    {
        "FakeClock": "_doubles",
        "FakeCommand": "_node",
        "FakeEvent": "_doubles",
        "FakeKind": "_kinds",
        "FakeProxyRequest": "_node",
        "FakeRecorder": "_doubles",
        "FakeRequest": "_injection",
        "FakeTransport": "_transport",
        "ManagerRefusedError": "_running",
        "SimulatedNode": "_simulation._nodes",
        "Simulator": "_simulator",
        "Timings": "_simulation._pods",
        "VirtualTime": "_virtual_time",
        "assert_round_trip": "_round_trip",
        "eventually": "_waiting",
        "objects": "_objects",
        "run_manager": "_running",
        "virtual_time": "_virtual_time",
        "wait_for": "_waiting",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
