"""Feature gates: parts of an operator that a flag turns on and off, as in Kubernetes' own components.

See https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from kaiwu_runtime._lazy_pattern import lazy_pattern
from kaiwu_runtime.errors import ConfigurationError

Stage = Literal["alpha", "beta", "stable"]

_NAME = lazy_pattern(r"[A-Z][A-Za-z0-9]{0,62}")
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
_ALL: dict[str, Stage] = {"AllAlpha": "alpha", "AllBeta": "beta"}
"""Names that stand for every gate of a stage, unless that is named itself."""

_gates: dict[str, FeatureGate] = {}

_wanted: dict[str, bool] = {}
"""What `set_gates` was last asked for: also for gates in modules that are imported later, such as a controller's."""


class FeatureGate:
    """A part of an operator that ``--feature-gates`` turns on or off; made once, at the top of a module.

    ::

        FAST_FAILOVER = FeatureGate("FastFailover", stage="alpha")

        if FAST_FAILOVER.enabled: ...

    Args:
        name: In CamelCase, unique in the process.
        stage: ``alpha`` is off by default, ``beta`` on; ``stable`` is on and cannot be turned off.
        default: Instead of the stage's.

    Raises:
        ConfigurationError: The name is not valid or is taken, or a stable gate is off by default.
    """

    def __init__(self, name: str, *, stage: Stage = "alpha", default: bool | None = None) -> None:
        if not _NAME().fullmatch(name) or name in _ALL:
            raise ConfigurationError(f"feature gate {name!r}: invalid name: use CamelCase, as in FastFailover")
        if stage not in {"alpha", "beta", "stable"}:
            raise ConfigurationError(f"feature gate {name}: invalid stage {stage!r}: use alpha, beta or stable")
        if name in _gates:
            raise ConfigurationError(f"feature gate {name}: defined twice: define it once and import it")
        if stage == "stable" and default is False:
            raise ConfigurationError(f"feature gate {name}: it is stable, so that it cannot be off by default")
        self.name = name
        self.stage: Stage = stage
        self.default = stage != "alpha" if default is None else default
        self._set = _chosen(self)
        _gates[name] = self

    @property
    def enabled(self) -> bool:
        """Whether the part is on."""
        return self.default if self._set is None else self._set

    @contextmanager
    def override(self, enabled: bool) -> Iterator[None]:
        """Turn it on or off inside the block, for tests."""
        before, self._set = self._set, enabled
        try:
            yield
        finally:
            self._set = before

    def __repr__(self) -> str:
        return f"FeatureGate({self.name}, {self.stage}, enabled={self.enabled})"


def known_gates() -> list[FeatureGate]:
    """Return the gates there are, by their names."""
    return [_gates[name] for name in sorted(_gates)]


def parse_gates(text: str) -> dict[str, bool]:
    """Return what ``A=true,B=false`` asks for.

    Raises:
        ConfigurationError: An entry has another form, or one gate has two values.
    """
    found: dict[str, bool] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (part.strip() for part in entry.partition("="))
        if value.lower() not in _TRUE + _FALSE:
            raise ConfigurationError(f"--feature-gates: invalid entry {entry!r}: use NAME=true or NAME=false")
        enabled = value.lower() in _TRUE
        if found.setdefault(name, enabled) != enabled:
            raise ConfigurationError(f"--feature-gates: {name} is both true and false")
    return found


def check_gates(wanted: Mapping[str, bool], *, complete: bool = True) -> None:
    """Check that gates can be set so.

    Args:
        wanted: By name.
        complete: Whether every module that defines a gate is imported; before that an unknown one may still come.

    Raises:
        ConfigurationError: One is not known or has an invalid name, or is stable and cannot be turned off.
    """
    for name, enabled in wanted.items():
        gate = _gates.get(name)
        if gate is None and name not in _ALL and not _NAME().fullmatch(name):
            raise ConfigurationError(f"--feature-gates: invalid name {name!r}: use CamelCase, as in FastFailover")
        if gate is None and name not in _ALL and complete:
            known = ", ".join([*sorted(_gates), *_ALL])
            raise ConfigurationError(f"--feature-gates: there is no gate {name!r}: use {known}")
        if gate is not None and gate.stage == "stable" and not enabled:
            raise ConfigurationError(f"--feature-gates: {name} is stable and cannot be turned off: leave it out")


def set_gates(wanted: Mapping[str, bool]) -> None:
    """Set gates, in the whole process, those that are defined later too; what is not named keeps its default.

    Raises:
        ConfigurationError: See `check_gates`; a gate that is not known yet is not an error here.
    """
    check_gates(wanted, complete=False)
    _wanted.clear()
    _wanted.update(wanted)
    for gate in _gates.values():
        gate._set = _chosen(gate)  # noqa: SLF001 - of this module


def _chosen(gate: FeatureGate) -> bool | None:
    """Return how a gate was asked to be set; None for its default."""
    everything = next((_wanted[name] for name, stage in _ALL.items() if stage == gate.stage and name in _wanted), None)
    chosen = _wanted.get(gate.name, everything)
    return None if gate.stage == "stable" else chosen
