"""A deferred module is what it is for every thread, at every moment."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PACKAGE = """
import time
time.sleep(0.2)  # other threads ask meanwhile, and wait
from slow.inner import value
last = value + 1
"""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A package that takes its time to import, with a module inside."""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "__init__.py").write_text(PACKAGE, encoding="utf-8")
    (tmp_path / "slow" / "inner.py").write_text("value = 41\n", encoding="utf-8")
    return tmp_path


def run(folder: Path, code: str) -> str:
    """Run code in a process of its own, with a folder on the module path, and return what it printed."""
    code = "from kaiwu_runtime._deferred_module import defer\n" + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_it_runs_when_a_name_is_used(slow: Path) -> None:
    code = """
    import sys
    defer("slow")
    import slow
    print("slow.inner" in sys.modules, slow.last, "slow.inner" in sys.modules, type(slow).__name__)
    """
    assert run(slow, code) == "False 42 True module"


@pytest.mark.parametrize(
    "use",
    [
        "from slow import last; print(last)",
        "import slow; print(slow.__dict__.get('last') or slow.last)",
        "import slow; print('last' in dir(slow) and slow.last)",
        "import slow.inner; import slow; print(slow.inner.value + 1)",
        "from slow import inner; print(inner.value + 1)",
        "import slow, importlib; importlib.reload(slow); print(slow.last)",
        "import slow; slow.last = 42; print(slow.last)",
        "import slow; print(42 if not hasattr(slow, 'absent') else 0)",
        "import slow; print(42 if slow.__file__.endswith('__init__.py') else 0)",
        "import slow, pickle; print(42 if pickle.dumps(slow.__name__) else 0)",
    ],
)
def test_it_can_be_used_as_any_module(slow: Path, use: str) -> None:
    assert run(slow, f"defer('slow')\n{use}") == "42"


def test_every_thread_sees_the_whole_module(slow: Path) -> None:
    """No name is missing and the code runs once, in any order of the threads."""
    code = """
    import threading
    defer("slow")
    import slow
    found, start = [], threading.Barrier(8)
    def use():
        start.wait()
        found.append((slow.value, slow.last))
    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    print(found == [(41, 42)] * 8)
    """
    assert run(slow, code) == "True"


def test_code_that_fails_is_run_again(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import os\nx = 1\nassert 'GO' in os.environ\ny = 2\n", encoding="utf-8")
    code = """
    import os
    defer("broken")
    import broken
    try:
        broken.y
    except AssertionError:
        os.environ["GO"] = "1"
    print(broken.y)
    """
    assert run(tmp_path, code) == "2"


@pytest.mark.parametrize("name", ["json", "absent"])
def test_what_is_imported_or_absent_is_left_alone(tmp_path: Path, name: str) -> None:
    code = f"import json, sys\nprint(defer({name!r}), type(sys.modules['json']).__name__)"
    assert run(tmp_path, code) == "None module"
