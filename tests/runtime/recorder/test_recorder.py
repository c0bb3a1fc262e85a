"""What the recorder makes of its arguments, and which it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.rbac_authorization_v1 import ClusterRole

from kaiwu_runtime.recorder import EventRecorder
from kaiwu_runtime.recorder._series import EventKey

ABOUT = ConfigMap(metadata=ObjectMeta(name="settings", namespace="a", uid="1"))
EVENT: dict[str, Any] = {"reason": "BackedUp", "action": "Backup", "note": ""}


class Taken:
    """A sender that keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[EventKey, dict[str, Any]]] = []

    def record(self, key: EventKey, fields: dict[str, Any]) -> None:
        self.taken.append((key, fields))


def recorder(name: str = "tester", **rest: Any) -> tuple[EventRecorder, Taken]:
    sender = Taken()
    return EventRecorder(sender, name, **rest), sender  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"type": "Error"}, "type 'Error'", id="type"),
        pytest.param({"reason": ""}, "reason ''", id="no reason"),
        pytest.param({"reason": "x" * 129}, "reason 'xxx.*longer than 128 bytes", id="long reason"),
        pytest.param({"reason": "é" * 65}, "reason 'é.*longer than 128 bytes", id="long reason in bytes"),
        pytest.param({"reason": "a\udce9"}, "reason .* has half of a surrogate pair", id="half a character"),
        pytest.param({"action": "\ud800"}, "action .* has half of a surrogate pair", id="half a character in action"),
        pytest.param({"action": ""}, "action ''", id="no action"),
        pytest.param({"action": "x" * 129}, "action 'xxx", id="long action"),
        pytest.param({"action": None}, "action None", id="action of another type"),
        pytest.param({"note": b"bytes"}, "note b'bytes'", id="note"),
        pytest.param({"regarding": "settings"}, "regarding: builtins.str is not a Kubernetes resource", id="no object"),
        pytest.param({"regarding": ConfigMap()}, "regarding: the ConfigMap has no metadata.name", id="no metadata"),
        pytest.param(
            {"regarding": ConfigMap(metadata=ObjectMeta(name="a"))},
            r"regarding: ConfigMap a has no metadata\.namespace",
            id="no namespace",
        ),
        pytest.param({"related": 1}, "related: builtins.int is not a Kubernetes resource", id="related"),
    ],
)
def test_a_wrong_argument_is_named(change: dict[str, Any], message: str) -> None:
    made, sender = recorder()
    with pytest.raises(ValueError, match=message):
        made.event(**{"regarding": ABOUT, **EVENT, **change})
    assert sender.taken == []


@pytest.mark.parametrize("word", ["x" * 128, "é" * 64])
def test_words_may_be_as_long_as_the_server_takes(word: str) -> None:
    made, sender = recorder()
    made.event(ABOUT, reason=word, action=word, note="")
    assert sender.taken[0][1]["reason"] == word


@pytest.mark.parametrize("name", ["", "has space", "-a", "a" * 64, "Upper.example/a", "a/b/c", "a\n"])
def test_a_name_that_the_server_would_refuse(name: str) -> None:
    with pytest.raises(ValueError, match="is not a valid controller name"):
        recorder(name)


@pytest.mark.parametrize("name", ["a", "kaiwucluster-controller", "example.com/backup_2", "A" * 63])
def test_names_of_controllers(name: str) -> None:
    made, _ = recorder(name)
    assert made.name == name
    assert made.instance.startswith(f"{name}-")
    assert len(made.instance) <= 128


def test_the_instance_can_be_told() -> None:
    assert recorder(instance="pod-7")[0].instance == "pod-7"
    with pytest.raises(ValueError, match="instance"):
        recorder(instance="x" * 129)


@given(st.text(max_size=1500))
def test_a_note_is_cut_to_valid_text(note: str) -> None:
    made, sender = recorder()
    made.event(ABOUT, **EVENT | {"note": note})
    cut = sender.taken[0][1]["note"]
    size = len(cut.encode())
    assert note.startswith(cut)
    assert size == len(note.encode()) if cut == note else 1021 <= size <= 1024


def test_a_note_with_half_a_surrogate_pair_is_written_without_it() -> None:
    made, sender = recorder()
    made.event(ABOUT, **EVENT | {"note": "a\ud800b"})
    assert sender.taken[0][1]["note"] == "a?b"


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        ("system:node", "system-node."),
        ("A..B--", "a.b."),
        ("::", "object."),
        ("x" * 300, "x" * 236 + "."),
        ("kube-root-ca.crt", "kube-root-ca.crt."),
    ],
)
def test_the_name_of_the_event(name: str, begin: str) -> None:
    made, sender = recorder()
    made.event(ClusterRole(metadata=ObjectMeta(name=name)), **EVENT)
    metadata = sender.taken[0][1]["metadata"]
    assert metadata["namespace"] == "default"
    assert metadata["name"].startswith(begin)
    assert len(metadata["name"]) <= 253
