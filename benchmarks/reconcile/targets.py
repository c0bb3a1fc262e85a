"""What kaiwu-runtime has to reach, as ratios to the others in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .figures import FIGURES, Sample

SUBJECT = "kaiwu-runtime"


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a ratio.

    Attributes:
        figure: Key of the figure.
        reference: The contender that the subject is divided by.
        bound: At most this; at least this where more is better.
    """

    figure: str
    reference: str
    bound: float


TARGETS = (
    Target("cpu_ms", "kubebuilder", 0.55),
    Target("synced_s", "kubebuilder", 1.0),
    Target("throughput_change", "kubebuilder", 1.0),
    Target("latency_p50_ms", "kubebuilder", 1.0),
    Target("rss_peak_mib", "kubebuilder", 0.9),
    Target("cpu_ms", "controller-runtime", 0.6),
    Target("throughput_start", "controller-runtime", 1.0),
    Target("throughput_change", "controller-runtime", 1.0),
    Target("latency_p50_ms", "controller-runtime", 1.0),
    Target("latency_p99_ms", "controller-runtime", 1.2),
    Target("rss_peak_mib", "controller-runtime", 1.0),
    Target("cpu_ms", "controller-runtime-update", 0.55),
    Target("synced_s", "controller-runtime-update", 1.0),
    Target("throughput_change", "controller-runtime-update", 1.0),
    Target("latency_p50_ms", "controller-runtime-update", 1.0),
    Target("rss_peak_mib", "controller-runtime-update", 0.9),
    Target("cpu_ms", "kopf", 0.2),
    Target("throughput_start", "kopf", 3.0),
    Target("throughput_change", "kopf", 3.0),
    Target("cpu_ms", "kube-rs", 1.1),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target with what was measured; `ratio` is None when one of the two did not run."""

    target: Target
    ratio: float | None

    @property
    def met(self) -> bool | None:
        """None when nothing was measured."""
        if self.ratio is None:
            return None
        return self.ratio >= self.target.bound if self._more else self.ratio <= self.target.bound

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"at {'least' if self._more else 'most'} {self.target.bound:g}"

    @property
    def _more(self) -> bool:
        return next(figure.more_is_better for figure in FIGURES if figure.key == self.target.figure)


def judge(summary: Mapping[str, Sample]) -> list[Verdict]:
    """Hold the medians of one configuration against the targets."""
    own = summary.get(SUBJECT, {})
    verdicts = []
    for target in TARGETS:
        other = summary.get(target.reference, {}).get(target.figure)
        value = own.get(target.figure)
        verdicts.append(Verdict(target, value / other if value is not None and other else None))
    return verdicts
