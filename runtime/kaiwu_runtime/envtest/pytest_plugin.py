"""Fixtures for tests against a real API server.

Load them in ``conftest.py`` with ``pytest_plugins = ["kaiwu_runtime.envtest.pytest_plugin"]``. Under
pytest-xdist every worker is a session of its own and so has a control plane of its own.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import pytest

from kaiwu_runtime.envtest._control_plane import ControlPlane
from kaiwu_runtime.errors import APIError, ConfigurationError, ControlPlaneError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator
    from pathlib import Path


class ControlPlaneOptions(TypedDict, total=False):
    """Arguments of :class:`~kaiwu_runtime.envtest.ControlPlane`."""

    controller_manager: bool
    version: str | None
    api_server_flags: list[str]
    start_timeout: float


class InstallCRDs(Protocol):
    """Signature of the ``install_crds`` fixture."""

    def __call__(self, *paths: str | Path, timeout: float = 30.0) -> list[str]:
        """Install the definitions in files and directories and return their names."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Let a test fail at once when a manager that runs beside it fails (:func:`kaiwu_runtime.testing.run_manager`)."""
    # A test that uses run_manager has imported it; others do not pay for it.
    running = sys.modules.get("kaiwu_runtime.testing._running")
    if running is None or not isinstance(item, pytest.Function):
        return
    test: Callable[..., Awaitable[Any]] = item.obj
    if not inspect.iscoroutinefunction(test):
        return

    @functools.wraps(test)
    async def watched(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - what the test takes and returns
        try:
            return await running.fail_with_manager(test(*arguments, **named))
        except running.ManagerRefusedError as error:
            reason = str(error)
        pytest.fail(reason, pytrace=False)

    item.obj = watched


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup() -> Generator[None, object, object]:
    """Report an error of the project in a fixture, for example a manager that cannot start, in one line."""
    try:
        return (yield)
    except ConfigurationError as error:
        reason = str(error)
    pytest.fail(reason, pytrace=False)  # outside of the handler, or pytest shows the reason twice


@pytest.fixture(scope="session")
def control_plane_options() -> ControlPlaneOptions:
    """Options of the control plane; a fixture of this name in ``conftest.py`` changes them."""
    return {}


@pytest.fixture(scope="session")
def control_plane(control_plane_options: ControlPlaneOptions) -> Iterator[ControlPlane]:
    """A control plane that runs until the session ends."""
    plane = ControlPlane(**control_plane_options)
    try:
        plane.start()
    except ControlPlaneError as error:
        pytest.fail(str(error), pytrace=False)
    with plane:
        yield plane


@pytest.fixture(scope="session")
def kubeconfig(control_plane: ControlPlane) -> Path:
    """Kubeconfig file of an administrator."""
    return control_plane.kubeconfig


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """Name of a namespace made for this test."""
    name = control_plane.create_namespace()
    yield name
    # A test may have stopped the API server, and only this test uses the namespace.
    with contextlib.suppress(APIError, ControlPlaneError):
        control_plane.delete_namespace(name)


@pytest.fixture(scope="session")
def install_crds(control_plane: ControlPlane) -> InstallCRDs:
    """A function that installs the CustomResourceDefinitions of files and directories and waits for them."""
    return control_plane.install_crds
