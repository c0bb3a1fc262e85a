"""Controllers are found, and what cannot be found is named."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._discovery import find

from ..packages import Make

RECONCILER = """
from kaiwu_runtime import Reconciler, Result
class {name}(Reconciler):
    def setup_with_manager(self, manager): pass
    async def reconcile(self, request): return Result()
"""

OBJECT_RECONCILER = """
from lightkube.resources.core_v1 import ConfigMap
from kaiwu_runtime import ObjectReconciler
class A(ObjectReconciler[ConfigMap]):
    async def reconcile(self, obj): return None
"""

WEBHOOK = """
from kaiwu_runtime.webhook import Webhook
class {name}(Webhook):
    def setup_with_manager(self, manager): pass
"""


def test_reconcilers_are_found_in_order_and_in_packages_below(make: Make) -> None:
    package = make(
        {
            "b_controller.py": RECONCILER.format(name="B"),
            "a_controller.py": RECONCILER.format(name="A"),
            "group/__init__.py": "",
            "group/c_controller.py": RECONCILER.format(name="C"),
            "helper.py": "raise RuntimeError('not a controller module: never imported')",
        }
    )
    assert [kind.__name__ for kind in find(package)] == ["A", "B", "C"]


def test_object_reconcilers_are_found_too(make: Make) -> None:
    package = make({"a_controller.py": OBJECT_RECONCILER})
    assert [kind.__name__ for kind in find(package)] == ["A"]


def test_an_object_reconciler_elsewhere_is_named(make: Make) -> None:
    with pytest.raises(ConfigurationError, match=r"other\.py: A is a Reconciler that is not found there"):
        find(make({"other.py": OBJECT_RECONCILER}))


def test_webhooks_are_found_beside_them(make: Make) -> None:
    package = make(
        {
            "a_controller.py": RECONCILER.format(name="A"),
            "a_webhook.py": WEBHOOK.format(name="AWebhook"),
            "group/__init__.py": "",
            "group/b_webhook.py": WEBHOOK.format(name="BWebhook"),
        }
    )
    assert [kind.__name__ for kind in find(package)] == ["A", "AWebhook", "BWebhook"]


def test_a_reconciler_that_is_only_imported_is_not_this_modules(make: Make) -> None:
    package = make({"a_controller.py": RECONCILER.format(name="A")})
    folder = Path(str(package.__file__)).parent
    (folder / "b_controller.py").write_text(
        f"from {package.__name__}.a_controller import A\n" + RECONCILER.format(name="B")
    )
    importlib.invalidate_caches()
    assert [kind.__name__ for kind in find(package)] == ["A", "B"]


def test_an_empty_package_has_none(make: Make) -> None:
    assert find(make({})) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        pytest.param({"a_controller.py": "x = 1"}, r"a_controller\.py: no Reconciler in it", id="none in it"),
        pytest.param(
            {"a_controller.py": "import not_there"},
            r"a_controller\.py:1: ModuleNotFoundError.*not_there",
            id="import fails",
        ),
        pytest.param({"a_controller.py": "def ("}, r"a_controller\.py:1: SyntaxError", id="syntax"),
        pytest.param(
            {"a_controller.py": "from kaiwu_runtime import Reconciler\nclass A(Reconciler): pass\n"},
            r"a_controller\.py: A lacks reconcile, setup_with_manager",
            id="unfinished",
        ),
        pytest.param(
            {"a_controller.py": RECONCILER.format(name="A").replace("reconcile(", "reconcil(")},
            r"a_controller\.py: A.reconcil is never called: did you mean reconcile\?",
            id="misspelled",
        ),
        pytest.param(
            {
                "a_controller.py": RECONCILER.format(name="A")
                + RECONCILER.format(name="B").replace("with_manager", "with_manger")
            },
            r"a_controller\.py: B.setup_with_manger is never called: did you mean setup_with_manager\?",
            id="misspelled beside a complete one",
        ),
        pytest.param({"a_webhook.py": "x = 1"}, r"a_webhook\.py: no Webhook in it", id="no webhook in it"),
        pytest.param(
            {"a_webhook.py": "from kaiwu_runtime.webhook import Webhook\nclass A(Webhook): pass\n"},
            r"a_webhook\.py: A lacks setup_with_manager",
            id="unfinished webhook",
        ),
        pytest.param(
            {"a_webhook.py": RECONCILER.format(name="A")},
            r"a_webhook\.py: A is a Reconciler that is not found there; move it to a file whose name ends in _contr",
            id="a reconciler among the webhooks",
        ),
        pytest.param(
            {"a_controller.py": RECONCILER.format(name="A") + WEBHOOK.format(name="B")},
            r"a_controller\.py: B is a Webhook that is not found there; move it to a file whose name ends in _webhook",
            id="a webhook among the controllers",
        ),
        pytest.param(
            {"group/a_webhook.py": WEBHOOK.format(name="A")},
            r"group/a_webhook\.py is not found by Python",
            id="no package for webhooks",
        ),
        pytest.param(
            {"group/a_controller.py": RECONCILER.format(name="A")},
            r"group/a_controller\.py is not found by Python: add an empty .*group/__init__\.py",
            id="no package",
        ),
        pytest.param(
            {"group/__init__.py": "import not_there", "group/a_controller.py": RECONCILER.format(name="A")},
            r"group/__init__\.py:1: ModuleNotFoundError",
            id="a package that fails",
        ),
    ],
)
def test_what_is_wrong_is_named(make: Make, files: dict[str, str], message: str) -> None:
    package = make(files)
    with pytest.raises(ConfigurationError, match=message) as caught:
        find(package)
    assert "\n" not in str(caught.value)


def test_a_module_is_no_package(make: Make) -> None:
    package = make({"one.py": ""})
    module = importlib.import_module(f"{package.__name__}.one")
    with pytest.raises(ConfigurationError, match="is a module"):
        find(module)


def test_a_reconciler_in_a_file_of_another_name_is_named(make: Make) -> None:
    package = make({"cluster.py": "raise RuntimeError\n" + RECONCILER.format(name="Lost")})
    with pytest.raises(ConfigurationError, match=r"cluster\.py: Lost is a Reconciler that is not found there"):
        find(package)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("from kaiwu_runtime import Reconciler\nclass Base(Reconciler):\n    x = 1\n", id="a base class"),
        pytest.param("class Reconciler:\n    def reconcile(self): pass\n", id="a class of that name"),
        pytest.param("def broken(:\n", id="a file that is never imported"),
    ],
)
def test_other_files_are_left_alone(make: Make, content: str) -> None:
    package = make({"a_controller.py": RECONCILER.format(name="A"), "shared.py": content})
    assert [kind.__name__ for kind in find(package)] == ["A"]
