"""The garbage collector of a process that imports the runtime."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from kaiwu_runtime._collector import collector_paused, imported_once

# Python 3.12 freezes a few hundred objects of its own.
COUNTS = 'frozen, before = gc.get_freeze_count(), sum(each["collections"] for each in gc.get_stats())'
STATE = """
import json
runs = sum(each["collections"] for each in gc.get_stats()) - before
print(json.dumps([gc.isenabled(), gc.get_freeze_count() - frozen, runs]))
"""


def state(before: str, code: str = "from kaiwu_runtime import Manager") -> tuple[bool, int, int]:
    """Return of another process: whether the collector runs, what it leaves out since, how often it ran in the code."""
    program = f"import gc\n{before}\n{COUNTS}\n{code}\n{STATE}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    enabled, frozen, runs = json.loads(done.stdout)
    return enabled, frozen, runs


def test_modules_are_not_walked() -> None:
    enabled, frozen, runs = state("")
    assert enabled
    assert frozen <= 0
    assert runs < 20  # for what is imported before and behind


def test_a_process_that_may_hold_garbage_keeps_its_collector() -> None:
    enabled, frozen, runs = state("gc.collect()")
    assert enabled
    assert frozen == 0
    assert runs > 3 * max(1, state("")[2])  # how many depends on the Python: 77 for 9 with 3.11, 25 for 2 with 3.13


def test_a_collector_that_is_off_stays_off() -> None:
    assert state("gc.disable()") == (False, 0, 0)


def test_frozen_objects_stay_frozen() -> None:
    enabled, frozen, _ = state("gc.freeze()")
    assert enabled
    assert abs(frozen) < 100  # some are freed meanwhile


NODE = """
import weakref
class Node: pass
node = Node()
node.self = node
seen = weakref.ref(node)
"""
FREED = "gc.collect()\nassert seen() is None"
IMPORT = "from kaiwu_runtime import Manager"
FAILS = """
try:
    kaiwu_runtime.Manager
except ImportError:
    pass
else:
    raise AssertionError
"""
THREAD = """
def load():
    from kaiwu_runtime import Manager
thread = threading.Thread(target=load)
thread.start()
thread.join()
"""


@pytest.mark.parametrize(
    "code",
    [
        (IMPORT, NODE, "del node"),
        (NODE, "del node", IMPORT),
        (NODE, IMPORT, "del node"),
        (IMPORT, NODE, "del node", "from kaiwu_runtime.testing import FakeTransport"),
        (IMPORT, NODE, "from kaiwu_runtime.testing import FakeTransport", "del node"),
        ("import sys, kaiwu_runtime", "sys.modules['kaiwu_runtime.manager._manager'] = None", NODE, "del node", FAILS),
        (NODE, "del node", "import threading", THREAD),
    ],
    ids=["later", "garbage before", "in use before", "garbage between", "in use between", "failed import", "thread"],
)
def test_what_is_garbage_is_freed(code: tuple[str, ...]) -> None:
    assert state("", "\n".join((*code, FREED)))[0]


@pytest.mark.parametrize("context", [collector_paused, imported_once])
def test_an_error_leaves_the_collector_as_it_was(context: Callable[[], AbstractContextManager[None]]) -> None:
    was = gc.isenabled()
    with pytest.raises(ImportError), context():
        raise ImportError
    assert gc.isenabled() is was
