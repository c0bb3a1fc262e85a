"""The metrics of a manager, without one."""

from __future__ import annotations

from prometheus_client import generate_latest

from kaiwu_runtime.metrics import Metrics


def test_the_requests_to_two_api_servers_are_measured_side_by_side() -> None:
    metrics = Metrics()
    for server in ("https://one:6443", "https://two:6443", "https://user:secret@one:6443"):
        metrics.request_durations(server)("GET", 0.5)
    text = generate_latest(metrics.registry).decode()
    assert 'rest_client_request_duration_seconds_count{host="one:6443",verb="GET"} 2.0' in text
    assert 'rest_client_request_duration_seconds_count{host="two:6443",verb="GET"} 1.0' in text
    assert "secret" not in text
