"""With which arguments Python runs the operator."""

from __future__ import annotations

from pathlib import Path

from kaiwu_runtime.envtest import WebhookInstallation
from kaiwu_runtime.testing.faults._scenario import Scenario

_LAUNCHER = "kaiwu_runtime.testing.faults._real._launcher"
_LEASE = "kaiwu-test-faults"
_TIMINGS = (
    "--leader-elect-lease-duration=3",
    "--leader-elect-renew-deadline=2",
    "--leader-elect-retry-period=0.3",
)


def command(
    scenario: Scenario, webhooks: WebhookInstallation | None, *, elected: bool = True, launched: bool = False
) -> list[str]:
    """Return the arguments.

    Args:
        scenario: Names the program.
        webhooks: Where it has to serve them; None without.
        elected: Whether it takes part in leader election.
        launched: Through the launcher, which gives it the scenario's objects.
    """
    return [
        *(("-m", _LAUNCHER) if launched else ()),
        *scenario.real_command,
        f"--leader-elect={str(elected).lower()}",
        f"--leader-election-id={_LEASE}",
        f"--leader-election-namespace={scenario.namespace}",
        *_TIMINGS,
        "--metrics-bind-address=0",
        "--health-probe-bind-address=0",
        "--log-format=json",
        *(
            (
                f"--webhook-host={webhooks.host}",
                f"--webhook-port={webhooks.port}",
                f"--webhook-cert-path={webhooks.cert_path}",
            )
            if webhooks is not None
            else ()
        ),
    ]


def module_of(scenario: Scenario) -> str:
    """Return the name under which the program can be imported."""
    program, *more = scenario.real_command
    return more[0] if program == "-m" and more else Path(program).stem
