"""Paths, and what the builder refuses."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Protocol

import pytest
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Manager, ManagerOptions
from kaiwu_runtime.api import identify
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.webhook import (
    AdmissionRequest,
    Defaulter,
    Validator,
    WebhookCertificateOptions,
    mutate_path,
    validate_path,
    webhook_managed_by,
)

from .widgets import Widget


class Idle(Defaulter[Widget]):
    def default(self, obj: Widget, request: AdmissionRequest) -> None:
        return


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (Widget, "hooks-example-com-v1-widget"),
        (Deployment, "apps-v1-deployment"),
        (Pod, "-v1-pod"),  # the core group is empty, and controller-runtime keeps both dashes
    ],
)
def test_paths_are_those_of_controller_runtime(kind: type, path: str) -> None:
    assert mutate_path(identify(kind)) == f"/mutate-{path}"
    assert validate_path(identify(kind)) == f"/validate-{path}"


def test_nothing_to_serve_is_a_mistake() -> None:
    manager = Manager()
    with pytest.raises(ConfigurationError, match=r"for_\(Widget\): give it a defaulter, a validator or a spoke"):
        webhook_managed_by(manager).for_(Widget).complete()
    assert manager.webhooks is None


def test_a_kind_has_one_defaulter() -> None:
    manager = Manager()
    webhook_managed_by(manager).for_(Widget).with_defaulter(Idle()).complete()
    webhook_managed_by(manager).for_(Widget).with_validator(Validator()).complete()
    with pytest.raises(ConfigurationError, match="two webhooks have the path /mutate-hooks-example-com-v1-widget"):
        webhook_managed_by(manager).for_(Widget).with_defaulter(Idle()).complete()


def test_what_is_no_resource_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="is not a Kubernetes resource"):
        webhook_managed_by(Manager()).for_(str)


def test_a_manager_without_webhooks_loads_none_of_it() -> None:
    code = (
        "import sys; from kaiwu_runtime import Manager, ManagerOptions; Manager(ManagerOptions());"
        "print([name for name in sys.modules if name.startswith('kaiwu_runtime.webhook')])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_certificates_from_files_need_no_cryptography() -> None:
    code = (
        "import sys; from kaiwu_runtime import Manager; from kaiwu_runtime.webhook import *;"
        "from kaiwu_runtime.webhook._server import webhook_server; webhook_server(Manager().options);"
        "print('cryptography' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"service_name": ""}, "service_name is empty"),
        ({"interval": 0.0}, "interval: invalid value 0 s: use 30"),
        ({"interval": float("nan")}, "interval: invalid value nan"),
        ({"interval": float("inf")}, "interval: invalid value inf"),
        ({"overlap": timedelta(seconds=-1)}, "overlap: invalid value -1 s: use 0 or more"),
        ({"lifetime": WebhookCertificateOptions(service_name="s").ca_lifetime * 2}, "at most ca_lifetime"),
        ({"validating": "my-configuration"}, "validating: invalid value 'my-configuration': use a tuple of names"),
        ({"mutating": "my-configuration"}, "mutating: invalid value 'my-configuration': use a tuple of names"),
        ({"crds": "dbs.example.com"}, "crds: invalid value 'dbs.example.com': use a tuple of names"),
        ({"extra_names": "example.com"}, "extra_names: invalid value 'example.com': use a tuple of names"),
    ],
)
def test_certificate_options_that_cannot_work(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        WebhookCertificateOptions(**{"service_name": "s", **values})  # type: ignore[arg-type]


def test_a_port_that_cannot_work() -> None:
    with pytest.raises(ConfigurationError, match="--webhook-port: invalid port 70000"):
        ManagerOptions(webhook_port=70000)


class Misspelled(Validator[Widget]):
    def validate_creat(self, obj: Widget, request: AdmissionRequest) -> None:
        """Misspelled."""


class Inherited(Misspelled):
    pass


class Sized(Protocol):
    def size(self) -> int: ...


class WithProtocol(Misspelled, Sized):
    """A protocol that is not made for checks of classes."""


class Helped(Validator[Widget]):
    def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
        self.validate_created(obj)

    def validate_created(self, obj: Widget) -> None:
        """A part of what is overridden."""

    def validate_updated(self, obj: Widget) -> None:
        """A word of its own."""

    def validate_size(self, obj: Widget) -> None:
        """Not like a method of the base."""


@pytest.mark.parametrize("kind", [Misspelled, Inherited, WithProtocol])
def test_a_method_that_would_never_be_called(kind: type[Validator[Widget]]) -> None:
    message = rf"^{kind.__name__}\.validate_creat is never called: did you mean validate_create\?$"
    with pytest.raises(ConfigurationError, match=message):
        webhook_managed_by(Manager()).for_(Widget).with_validator(kind())


@pytest.mark.parametrize("kind", [Helped, Validator])
def test_other_methods_are_its_own(kind: type[Validator[Widget]]) -> None:
    webhook_managed_by(Manager()).for_(Widget).with_validator(kind())


def test_a_class_in_place_of_its_object_is_a_mistake() -> None:
    """Every request would fail, and not the start."""
    webhooks = webhook_managed_by(Manager()).for_(Widget)
    with pytest.raises(
        ConfigurationError, match=r"^with_defaulter\(Idle\): Idle is a class: write with_defaulter\(Idle\(\)\)$"
    ):
        webhooks.with_defaulter(Idle)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"^with_validator\(Validator\): Validator is a class: "):
        webhooks.with_validator(Validator)  # type: ignore[arg-type]
