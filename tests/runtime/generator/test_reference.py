"""The reference in Markdown."""

from __future__ import annotations

from typing import Annotated, Any

from lightkube.models.core_v1 import ResourceRequirements
from pydantic import Field

from kaiwu_runtime.api import CEL, APIModel, CustomResource, Duration, Kube, Quantity, resource, schema
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._reference import api_reference


@schema(CEL("self.size != '0'", message="size must not be 0"))
class Storage(APIModel):
    """Where data lives."""

    size: Quantity = "10Gi"
    """How much of it | per node."""


class Spec(APIModel):
    """What is wanted."""

    replicas: int = Field(default=3, ge=1, lt=10)
    """Number of nodes.

    An odd number.
    """
    storage: Storage = Field(default_factory=Storage)
    volumes: dict[str, list[Storage]] = Field(default_factory=dict)
    timeout: Duration | None = None
    mode: Annotated[str, Field(pattern="^[a-z]+$", examples=["fast"])]
    resources: Kube[ResourceRequirements] | None = None


@resource(group="a.example.com", version="v1", short_names=["th"], deprecated="use v2")
class Thing(CustomResource):
    """A thing."""

    spec: Spec


@resource(group="a.example.com", version="v2", short_names=["th"], kind="Thing")
class ThingV2(CustomResource):
    spec: Spec


def reference() -> str:
    return api_reference(build_crds([Thing, ThingV2]), header="Copyright -- me")


def row(text: str, field: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"| `{field}` |"))


def test_each_version_has_a_section_with_links_that_lead_somewhere() -> None:
    text = reference()
    assert "## Thing a.example.com/v2" in text
    assert text.index("## Thing a.example.com/v2") < text.index("## Thing a.example.com/v1")
    import re

    targets = re.findall(r"\]\(#([^)]*)\)", text)
    anchors = re.findall(r'<a id="([^"]*)"></a>', text)
    assert set(targets) <= set(anchors)
    assert len(anchors) == len(set(anchors))


def test_fields() -> None:
    text = reference()
    assert (
        row(text, "replicas")
        == "| `replicas` | integer |  | Number of nodes. An odd number. At least 1; below 10. Default: `3`. |"
    )
    assert row(text, "size") == "| `size` | quantity |  | How much of it \\| per node. Default: `10Gi`. |"
    assert row(text, "storage") == "| `storage` | [Storage](#a-example-com-v2-thing-storage) |  | Where data lives. |"
    assert row(text, "mode") == "| `mode` | string | yes | Pattern `^[a-z]+$`. Example: `fast`. |"
    assert row(text, "timeout") == "| `timeout` | duration |  |  |"
    assert row(text, "resources") == "| `resources` | ResourceRequirements (Kubernetes) |  |  |"
    assert row(text, "volumes").startswith("| `volumes` | map of list of [Storage](#a-example-com-v2-thing-storage) |")


def test_models_are_described_once_and_kubernetes_types_not_at_all() -> None:
    text = reference()
    assert text.count("### Storage\n") == 2, "once for each version"
    assert "### ResourceRequirements" not in text
    assert "- size must not be 0" in text


def test_the_head_of_a_kind() -> None:
    text = reference()
    assert "A thing." in text
    assert "| deprecated | use v2 |" in text
    assert "| short names | `th` |" in text


def test_the_licence_cannot_end_its_comment() -> None:
    head = reference().split("# API reference", maxsplit=1)[0]
    assert "Copyright - - me" in head
    assert head.count("-->") == 2


def test_no_kinds() -> None:
    found: list[Any] = []
    assert "# API reference" in api_reference(found)


class Naming(APIModel):
    prefix: str = ""
    """Names are <prefix>-<number>, `<as code>`, see <https://example.com/a?b>; 1 < 2 <!-- not a comment -->."""


@resource(group="a.example.com", version="v1")
class Named(CustomResource):
    """A <thing> with a name.

    ```
    name: <prefix>
    ```
    """

    spec: Naming = Naming()


def test_angle_brackets_are_text_and_not_html() -> None:
    """A browser would leave out what it takes for a tag."""
    text = api_reference(build_crds([Named]))
    assert "Names are &lt;prefix>-&lt;number>, `<as code>`, see <https://example.com/a?b>;" in row(text, "prefix")
    assert "; 1 < 2 &lt;!-- not a comment -->." in row(text, "prefix")
    assert "A &lt;thing> with a name.\n\n```\nname: <prefix>\n```" in text
