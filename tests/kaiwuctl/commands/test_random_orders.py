"""Commands in random orders: what holds after each of them, also when one was killed before.

`KAIWU_RANDOM_ORDERS=100 pytest ...` runs more of them.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from .command_line import INIT, CommandLine, Entry, snapshot
from .in_process import kaiwuctl
from .invariants import Words, check_project, difference, problems_of_answer, run_once, tree_after
from .test_kills import run_until

ORDERS = int(os.environ.get("KAIWU_RANDOM_ORDERS", "8"))
STEPS = 7
NO_MAKE = "--make=false"

# Few names, so that versions, controllers, groups and the kinds of others meet.
KINDS = [
    ("--group", "web", "--version", "v1", "--kind", "Shop"),
    ("--group", "web", "--version", "v2", "--kind", "Shop"),
    ("--group", "web", "--version", "v1", "--kind", "Cart"),
    ("--group", "sea.x", "--version", "v1", "--kind", "Shop"),
    ("--group", "", "--version", "v1beta1", "--kind", "Cart"),
    ("--group", "apps", "--version", "v1", "--kind", "Deployment"),
    ("--group", "cert-manager", "--version", "v1", "--kind", "Certificate"),
]
API_FLAGS = [
    (),
    (),
    ("--resource=false",),
    ("--controller=false",),
    ("--controller-name", "second"),
    ("--namespaced=false",),
    ("--plural", "shopping"),
    ("--untyped", "--domain", "io"),
    ("--image", "registry:5000/shop:1", "--container-port", "80"),
    ("--force",),
]
WEBHOOKS = [
    ("--defaulting",),
    ("--validation",),
    ("--conversion",),
    ("--defaulting", "--validation"),
    ("--defaulting", "--conversion"),
    ("--defaulting", "--validation", "--conversion"),
]
WEBHOOK_FLAGS = [(), (), ("--certificates", "cert-manager"), ("--operations", "create,delete"), ("--force",)]
DELETE_FLAGS = [(), ("--with-webhooks",), ("--controller-only",), ("--controller-name", "second"), ("--force",)]
EDITS = [
    ("--multigroup",),
    ("--no-multigroup",),
    ("--namespaced",),
    ("--no-namespaced",),
    ("--owner", "Zoë & Søn"),
    ("--license", "none"),
    ("--license", "apache2"),
    ("--multigroup", "--namespaced", "--owner", ""),
    (),
]

kind, version_of_kind = st.sampled_from(KINDS), st.sampled_from(KINDS[:2])


def commands() -> st.SearchStrategy[Words]:
    """Return any command with flags that belong to it, and some that do not belong together."""
    sampled = st.sampled_from
    return st.one_of(
        st.builds(lambda of, flags: ("create", "api", *of, *flags, NO_MAKE), kind, sampled(API_FLAGS)),
        st.builds(
            lambda of, hooks, flags: ("create", "webhook", *of, *hooks, *flags, NO_MAKE),
            version_of_kind | kind,
            sampled(WEBHOOKS),
            sampled(WEBHOOK_FLAGS),
        ),
        st.builds(lambda of, flags: ("delete", "api", *of, *flags, NO_MAKE), kind, sampled(DELETE_FLAGS)),
        st.builds(
            lambda of, hooks: ("delete", "webhook", *of, *hooks, NO_MAKE), version_of_kind | kind, sampled(WEBHOOKS)
        ),
        st.builds(lambda flags: ("edit", *flags, NO_MAKE), sampled(EDITS)),
        st.just(("init",)),
    )


def undoing(command: Words) -> Words | None:
    """Return the command that gives back what a `create` has written; None for one that changes what is there."""
    if command[:2] == ("create", "api"):
        return ("delete", "api", *command[2:8], NO_MAKE)
    if command[:2] == ("create", "webhook"):
        return ("delete", "webhook", *command[2:8], *(each for each in command if (each,) in WEBHOOKS[:3]), NO_MAKE)
    return None


class Life(RuleBasedStateMachine):
    """One project, from `init` on."""

    layouts: ClassVar[dict[bool, Path]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="kaiwuctl-orders-"))
        self.folder = self.place / "shop-operator"
        self.before_start = Path.cwd()
        self.created: set[Words] = set()

    @initialize(multigroup=st.booleans(), versions=st.integers(0, 2))
    def start(self, multigroup: bool, versions: int) -> None:
        shutil.copytree(self.layouts[multigroup], self.folder, symlinks=True)
        os.chdir(self.folder)
        for of in KINDS[:versions]:
            self.run(("create", "api", *of, NO_MAKE))

    @precondition(lambda self: self.folder.exists())
    @rule(command=commands())
    def run(self, command: Words) -> None:
        before = self.copy()
        trees = snapshot(self.folder)
        answer = run_once(self.folder, command)
        after = snapshot(self.folder)
        if answer.status == 0 and after != trees:
            check_project(self.folder)
            again = run_once(self.folder, command)
            assert difference(snapshot(self.folder), after) == [], (command, again)
            assert again.status in {0, 2}, (command, again)
            self.give_back(command, trees)
        shutil.rmtree(before)

    @precondition(lambda self: self.folder.exists())
    @rule(killed=commands(), change=st.integers(1, 60), following=commands())
    def run_killed(self, killed: Words, change: int, following: Words) -> None:
        """Kill one command; the next, whichever it is, finds the tree as before the first or as after it."""
        before = self.copy()
        if os.waitstatus_to_exitcode(run_until(self.folder, killed, change)) == -signal.SIGKILL:
            answer = kaiwuctl(*following)
            assert problems_of_answer(answer) == [], (killed, following, answer)
            # A command that was rejected by its flags alone, or only reads, has not looked at the folder.
            if (self.folder / ".kaiwuctl-undo").exists():
                following = ("init",)
                assert kaiwuctl(*following).status == 0
            left = snapshot(self.folder)
            outcomes = [
                tree_after(before, cs, self.place / "x" / "shop-operator")[1]
                for cs in ([following], [killed, following])
            ]
            assert left in outcomes, (killed, change, following, [difference(left, each) for each in outcomes])
        check_project(self.folder)
        shutil.rmtree(before)

    def give_back(self, command: Words, trees: dict[str, Entry]) -> None:
        """Create, then delete: in a copy, where nothing of the kind was there before."""
        deletion, identity = undoing(command), command[2:8]
        new = identity not in self.created
        if command[0] == "create":
            self.created.add(identity)
        if deletion is None or not new or "--force" in command:
            return
        statuses, left = tree_after(self.folder, [deletion], self.place / "y" / "shop-operator")
        assert statuses in ([0], [2]), (command, deletion)
        if statuses == [0]:
            assert difference(left, trees) == [], (command, deletion)

    def copy(self) -> Path:
        """Return a copy of the project."""
        copy = self.place / "copy" / "shop-operator"
        shutil.copytree(self.folder, copy, symlinks=True)
        return copy

    def teardown(self) -> None:
        os.chdir(self.before_start)
        shutil.rmtree(self.place)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> None:
    for multigroup in (False, True):
        folder = tmp_path_factory.mktemp("orders") / "shop-operator"
        folder.mkdir()
        CommandLine(folder).ok(*INIT, *(("--multigroup",) if multigroup else ()))
        Life.layouts[multigroup] = folder


@pytest.mark.usefixtures("layouts")
def test_random_orders() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=ORDERS,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
