"""Compares the server's state with what a contender should have made of it, object by object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def problems(
    benches: Sequence[Mapping[str, Any]],
    config_maps: Sequence[Mapping[str, Any]],
    generations: Mapping[str, int],
) -> list[str]:
    """Return one line per Bench that is not wholly reconciled.

    Args:
        benches: All Benches as the server has them.
        config_maps: All ConfigMaps as the server has them.
        generations: The generation that each Bench must have, by name.
    """
    found = [f"{name}: is gone" for name in sorted(generations.keys() - {_name(bench) for bench in benches})]
    owned = {_name(config_map): config_map for config_map in config_maps}
    for bench in benches:
        name = _name(bench)
        reason = _status_problem(bench, generations.get(name, 0)) or _config_map_problem(bench, owned.get(name))
        if reason:
            found.append(f"{name}: {reason}")
    return found


def _name(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["name"])


def _status_problem(bench: Mapping[str, Any], generation: int) -> str:
    if bench["metadata"]["generation"] != generation:
        return f"its generation is {bench['metadata']['generation']}, not {generation}"
    status = bench.get("status", {})
    if status.get("observedGeneration") != generation:
        return f"status.observedGeneration is {status.get('observedGeneration')}, not {generation}"
    ready = next((entry for entry in status.get("conditions", ()) if entry["type"] == "Ready"), None)
    if ready is None:
        return "it has no Ready condition"
    if ready["status"] != "True" or ready.get("observedGeneration") != generation:
        return f"Ready is {ready['status']} for generation {ready.get('observedGeneration')}, not {generation}"
    return ""


def _config_map_problem(bench: Mapping[str, Any], config_map: Mapping[str, Any] | None) -> str:
    if config_map is None:
        return "it has no ConfigMap"
    if config_map.get("data") != {**bench["spec"].get("settings", {}), "message": bench["spec"]["message"]}:
        return "its ConfigMap is not what the spec asks"
    for owner in config_map["metadata"].get("ownerReferences", ()):
        if owner["uid"] == bench["metadata"]["uid"] and owner.get("controller"):
            return ""
    return "its ConfigMap does not name it as the controller"
