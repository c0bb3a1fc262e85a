"""For tests of operators: an API server in memory, managers that fail the test, waiting, stand-ins; see `envtest`."""

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
