"""What every test shares: the control plane fixtures, and the count of tests per kind in the summary."""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import kaiwu_runtime
import kaiwuctl

from .identifiers import has_address, is_document

pytest_plugins = ["kaiwu_runtime.envtest.pytest_plugin"]

# How long an example takes says nothing on a machine that other programs use too.
settings.register_profile("kaiwu", deadline=None)
settings.load_profile("kaiwu")

# A background job of a shell script ignores Ctrl-C, and so would every process that a test sends it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# As would those of nohup a hangup.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

THREADS_END_WITHIN = 10.0
"""Seconds for threads that have been told to end, as the one of a leader election that was given up."""

WAITING = re.compile(r"(reconciler|webhook|webhook patch) \d+$|exit$")
"""Names of threads that do nothing but wait: for further work, or for the end of the process."""

REPOSITORY = Path(__file__).resolve().parent.parent
# The benchmarks are not an installed package. Last: kaiwuctl and kaiwu_runtime come before the source trees beside it.
sys.path.append(str(REPOSITORY))


def pytest_sessionstart() -> None:
    """`make test` tests the installed wheels; the source tree would hide a packaging mistake."""
    if os.environ.get("KAIWU_TEST_WHEEL") != "1":
        return
    for package in (kaiwuctl, kaiwu_runtime):
        location = Path(str(package.__file__))
        if "site-packages" not in location.parts:
            pytest.exit(f"{location} is not an installed wheel; run `make test`", returncode=3)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Let the garbage collector pass by what stays until the end: fifteen thousand tests, and all modules."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.collect()
        gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test case whose argument is a document by the argument; pytest numbers those of one name."""
    return argname if is_document(val) else None


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Note each test's kind, and keep tests that share a fixture of their module on one worker, which makes it once.

    A golden test may use the control plane as well.

    Raises:
        pytest.UsageError: A test's name is another one in each process, so that it cannot be run in parallel.
    """
    named_anew = [item.nodeid for item in items if has_address(item.nodeid)]
    if named_anew:
        raise pytest.UsageError(f"tests named by an address in memory: use ids=readable: {named_anew[:3]}")
    for item in items:
        kind = next((kind for kind in ("golden", "envtest") if item.get_closest_marker(kind)), "unit")
        item.user_properties.append(("kind", kind))
        if isinstance(item, pytest.Function) and uses_fixture_of_its_module(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def uses_fixture_of_its_module(item: pytest.Function) -> bool:
    """Whether a test that is in no group has a fixture that its module defines for all its tests."""
    if item.get_closest_marker("xdist_group") is not None or item.parent is None:
        return False
    used = (definitions[-1] for definitions in item._fixtureinfo.name2fixturedefs.values())
    return any(each.scope == "module" and each.baseid.endswith(item.path.name) for each in used)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a report reach the process that prints it: of what a test has logged, halves of characters would not."""
    report = yield
    report.sections = [(title, text.encode("utf-8", "replace").decode()) for title, text in report.sections]
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests of each kind ran."""
    counts: Counter[str] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if isinstance(report, pytest.TestReport) and report.when == "call":
                counts[str(dict(report.user_properties)["kind"])] += 1
    if counts:
        terminalreporter.section("tests per kind")
        terminalreporter.line(", ".join(f"{kind}: {counts[kind]}" for kind in ("unit", "golden", "envtest")))


@pytest.fixture(scope="session", autouse=True)
def _cached_work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let the programs that tests start find compiled modules, and what mypy knows of the packages of every project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        # Few of the modules that pip installs are imported.
        patch.setenv("PIP_COMPILE", "0")
        # mypy compares contents, so that projects can share it; not workers, which would write at the same time.
        patch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.mktemp("mypy")))
        yield


@pytest.fixture(scope="session")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache for projects whose own virtual environment may have other versions than that of the tests."""
    return tmp_path_factory.mktemp("mypy-of-projects")


@pytest.fixture(autouse=True)
def _threads_end() -> Iterator[None]:
    """Let no thread outlive its test: what it logs or holds would be the failure of another one."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREADS_END_WITHIN
    started = [thread for thread in threading.enumerate() if thread not in before and not WAITING.search(thread.name)]
    for thread in started:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sorted(thread.name for thread in started if thread.is_alive())
    assert not left, f"threads that run {THREADS_END_WITHIN:g} s after the test: {', '.join(left)}"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout, for tests of committed files; sources are imported as installed."""
    return REPOSITORY
