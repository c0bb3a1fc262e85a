"""Feature gates: defined once, set by a flag, listed by the help and by a metric."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager import FeatureGate
from kaiwu_runtime.manager import _feature_gates as module
from kaiwu_runtime.metrics._controllers import Metrics
from kaiwu_runtime.testing import FakeTransport

from ..packages import Make

Gates = tuple[FeatureGate, FeatureGate, FeatureGate]


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> Gates:
    monkeypatch.setattr(module, "_gates", {})
    monkeypatch.setattr(module, "_wanted", {})
    return FeatureGate("Fast"), FeatureGate("Careful", stage="beta"), FeatureGate("Settled", stage="stable")


def enabled(gates: Gates) -> list[bool]:
    return [gate.enabled for gate in gates]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], [False, True, True]),
        (["--feature-gates=Fast=true"], [True, True, True]),
        (["--feature-gates=Fast=true,Careful=false"], [True, False, True]),
        (["--feature-gates", "Fast=T, Careful = 0 ,", "--feature-gates=Settled=true"], [True, False, True]),
        (["--feature-gates=AllAlpha=true"], [True, True, True]),
        (["--feature-gates=AllAlpha=true,Fast=false,AllBeta=false"], [False, False, True]),
        (["--feature-gates="], [False, True, True]),
    ],
)
def test_the_flag(gates: Gates, argv: list[str], expected: list[bool]) -> None:
    Manager(ManagerOptions.from_args(argv, environment={}), client=Client(FakeTransport()))
    assert enabled(gates) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Fast", "invalid entry 'Fast': use NAME=true or NAME=false"),
        ("Fast=yes please", "invalid entry"),
        ("=true", "invalid name '': use CamelCase"),
        ("slow=true", "invalid name 'slow': use CamelCase"),
        ("Fast=true,Fast=false", "Fast is both true and false"),
        ("Settled=false", "Settled is stable and cannot be turned off"),
    ],
)
def test_a_flag_that_is_refused(gates: Gates, text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ManagerOptions.from_args([f"--feature-gates={text}"], environment={})
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], [False, True]),
        (["--feature-gates=LateAlpha=true,LateBeta=false"], [True, False]),
        (["--feature-gates=AllAlpha=true,AllBeta=false"], [True, False]),
        (["--feature-gates=AllAlpha=true,LateAlpha=false"], [False, True]),
    ],
)
async def test_a_gate_of_a_module_that_is_imported_later(
    gates: Gates, make: Make, argv: list[str], expected: list[bool]
) -> None:
    package = make(
        {
            "a_controller.py": """
from kaiwu_runtime import Reconciler
from kaiwu_runtime.manager import FeatureGate
ALPHA, BETA = FeatureGate("LateAlpha"), FeatureGate("LateBeta", stage="beta")
class A(Reconciler):
    def setup_with_manager(self, manager): pass
    async def reconcile(self, request): return None
"""
        }
    )
    options = ManagerOptions.from_args(argv, environment={}, health_probe_bind_address="0")
    manager = Manager(options, client=Client(FakeTransport()))
    manager.discover(package)
    assert [module._gates[name].enabled for name in ("LateAlpha", "LateBeta")] == expected
    manager.stop()
    await manager.start()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Slow=true", "there is no gate 'Slow': use Careful, Fast, Late, Settled, AllAlpha, AllBeta"),
        ("Late=false", "Late is stable and cannot be turned off"),
    ],
)
async def test_a_gate_that_cannot_be_set_is_an_error_at_the_start(gates: Gates, text: str, message: str) -> None:
    options = ManagerOptions.from_args([f"--feature-gates={text}"], environment={})
    manager = Manager(options, client=Client(FakeTransport()))
    assert FeatureGate("Late", stage="stable").enabled
    with pytest.raises(ConfigurationError, match=message):
        await manager.start()


def test_defaults_of_a_project_can_be_overridden(gates: Gates) -> None:
    given_defaults = {"Fast": True, "Careful": False}
    options = ManagerOptions.from_args(["--feature-gates=Fast=false"], environment={}, feature_gates=given_defaults)
    assert options.feature_gates == {"Fast": False, "Careful": False}


def test_help_lists_them(gates: Gates, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ManagerOptions.from_args(["--help"], environment={})
    text = " ".join(capsys.readouterr().out.split())
    listed = "Careful (beta, true), Fast (alpha, false), Settled (stable, true)"
    assert f"as NAME=true,NAME=false ({listed}; an unknown NAME makes the operator list all)" in text


def test_help_does_not_deny_those_of_modules_that_are_imported_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_gates", {})
    with pytest.raises(SystemExit):
        ManagerOptions.from_args(["--help"], environment={})
    text = " ".join(capsys.readouterr().out.split())
    assert "as NAME=true,NAME=false (an unknown NAME makes the operator list all)" in text


@pytest.mark.parametrize("name", ["", "fast", "Fast-er", "AllAlpha", "Ü", "A" * 64, "Fast"])
def test_names_that_are_refused(gates: Gates, name: str) -> None:
    with pytest.raises(ConfigurationError, match="feature gate"):
        FeatureGate(name)


def test_stages(gates: Gates) -> None:
    with pytest.raises(ConfigurationError, match="cannot be off by default"):
        FeatureGate("Odd", stage="stable", default=False)
    with pytest.raises(ConfigurationError, match="invalid stage"):
        FeatureGate("Odd", stage="gamma")  # type: ignore[arg-type]
    assert FeatureGate("Ready", default=True).enabled


def test_a_test_overrides_one(gates: Gates) -> None:
    with gates[0].override(True):
        assert gates[0].enabled
        with gates[0].override(False):
            assert not gates[0].enabled
    assert not gates[0].enabled
    assert repr(gates[0]) == "FeatureGate(Fast, alpha, enabled=False)"


def test_metrics(gates: Gates) -> None:
    metrics = Metrics()
    for gate in module.known_gates():
        metrics.feature(gate.name, gate.stage, enabled=gate.enabled)
    values = {
        name: metrics.registry.get_sample_value("kubernetes_feature_enabled", {"name": name, "stage": stage})
        for name, stage in (("Fast", "ALPHA"), ("Careful", "BETA"), ("Settled", ""))
    }
    assert values == {"Fast": 0.0, "Careful": 1.0, "Settled": 1.0}


@given(st.text(alphabet="AB=,true fals", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = module.parse_gates(text)
    except ConfigurationError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        assert all(isinstance(value, bool) for value in found.values())
