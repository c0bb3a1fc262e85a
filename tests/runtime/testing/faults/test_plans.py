"""Plans as text, which there are for a run, and the order in which a sample is taken."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing.faults import Plan
from kaiwu_runtime.testing.faults._plans import Effect, Observed, Query, misplaced, plans_for, shuffled

EFFECTS = [Effect("apply ConfigMap x/a", 1), Effect("Engine.init('a')", 0, 2), Effect("apply Site/status x/a", 3)]
COMMAND = Effect("exec in Pod x/a-0: dbctl init", 0, 3)
EVENTS = [Observed("ADDED Site x/a", "s", "x/a", 1), Observed("ADDED Site x/b", "s", "x/b", 1)]
EVENTS += [Observed("MODIFIED Site x/a", "s", "x/a", 2), Observed("MODIFIED Site x/a", "t", "x/a", 2)]

QUERIES = [Query("Engine.is_initialised('a')", 1), Query("Engine.is_initialised('a')", 3)]


def test_there_is_a_plan_for_each_place() -> None:
    plans = [str(plan) for plan in plans_for(EFFECTS, EVENTS, ["create", "delete"], QUERIES)]
    assert [plan for plan in plans if plan.startswith("kill")] == ["kill-after:1", "kill-after:2", "kill-after:3"]
    assert [plan for plan in plans if plan.startswith("stale")] == ["stale:1:1", "stale:2:1", "stale:3:1", "stale:3:3"]
    assert [plan for plan in plans if plan.startswith("unobserved")] == ["unobserved:1"], "only the first of a pair"
    refused = [plan for plan in plans if plan.startswith("refuse")]
    writes, calls = ("409", "429", "500", "lost"), ("unsent", "lost")
    places = [(1, writes), (2, calls), (3, writes)]
    assert refused == [f"refuse:{number}:{how}" for number, ways in places for how in ways]
    assert [plan for plan in plans if plan.startswith("unanswered")] == ["unanswered:1", "unanswered:2"]
    assert [plan for plan in plans if plan.startswith("down")] == ["down:1", "down:2"]
    assert len(set(plans)) == len(plans)


def test_a_command_in_a_pod_fails_in_ways_of_its_own() -> None:
    queries = [*QUERIES, Query("exec in Pod x/a-0: dbctl status", 4), Query("logs of Pod x/a-0", 5)]
    plans = [str(plan) for plan in plans_for([*EFFECTS, COMMAND], (), (), queries)]
    ways = ("unsent", "lost", "137", "timeout", "hang")
    assert [plan for plan in plans if plan.startswith("refuse:4")] == [f"refuse:4:{how}" for how in ways]
    assert [plan for plan in plans if plan.endswith("timeout")] == ["refuse:4:timeout", "unanswered:3:timeout"]
    assert [plan for plan in plans if plan.endswith("hang")] == ["refuse:4:hang"]
    assert [plan for plan in plans if plan.endswith("137")] == ["refuse:4:137", "unanswered:3:137"]
    assert all(str(Plan.parse(plan)) == plan for plan in plans)


@given(st.integers(0, 1000))
def test_every_beginning_of_the_order_is_a_fair_sample(seed: int) -> None:
    effects = [Effect(f"apply ConfigMap x/{number}", number + 1) for number in range(9)]
    plans = plans_for(effects, EVENTS, ["create"], QUERIES)
    mixed = shuffled(plans, seed)
    assert sorted(map(str, mixed)) == sorted(map(str, plans))
    assert mixed == shuffled(plans, seed)
    first = Counter((plan.pattern, plan.detail) for plan in mixed[:9])
    assert max(first.values()) == 1, "each pattern has its turn"


@given(st.sampled_from(["kill-after", "unobserved", "unanswered", "down"]), st.integers(1, 10**9))
def test_what_is_printed_can_be_read(pattern: str, number: int) -> None:
    text = f"{pattern}:{number}"
    assert str(Plan.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["none", "stale:3:1", "stale:3:12", "refuse:1:409", "refuse:1:lost", "refuse:1:unsent"]
)
def test_what_is_printed_with_a_detail_can_be_read(text: str) -> None:
    assert str(Plan.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["kill-after:" + "1" * 5000, "stale:1:" + "1" * 5000, "stale:3:0", "kill-after:٣", "none:", "none:1", "none:0:0"],
)
def test_a_number_is_one_of_an_effect(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Plan.parse(text)
    assert len(str(raised.value)) < 400


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kill-after:4", "effects in the run without faults: 3"),
        ("unobserved:99", "events in the run without faults: 3"),
        ("unanswered:2", "questions to external systems in the run without faults: 1"),
        ("down:2", "steps in the run without faults: 1"),
        ("refuse:1:137", "effect 1 is 'create ConfigMap x/a': use 409, 429, 500, lost"),
        ("refuse:3:409", "effect 3 is 'exec in Pod x/a: rm': use unsent, lost, 137, timeout, hang"),
        ("unanswered:1:137", "question 1 is 'Engine.size()', which is not a command in a pod"),
        *((text, "") for text in ("none", "kill-after:3", "stale:3:9", "unobserved:3", "unanswered:1", "down:1")),
        *((text, "") for text in ("refuse:1:lost", "refuse:3:lost", "refuse:3:137")),
    ],
)
def test_a_plan_has_a_place_in_the_run_without_faults(text: str, why: str) -> None:
    effects = [Effect("create ConfigMap x/a", 1), Effect("Engine.grow()", 0, 1), Effect("exec in Pod x/a: rm", 0, 2)]
    assert misplaced(Plan.parse(text), effects, EVENTS[:3], ["create"], [Query("Engine.size()", 3)]) == why


@given(
    st.text(max_size=20)
    | st.from_regex(r"(kill-after|stale|refuse|unanswered|none|down)(:\w{0,3}){0,3}", fullmatch=True)
)
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    try:
        plan = Plan.parse(text)
    except ConfigurationError as error:
        message = str(error)
    else:
        assert Plan.parse(str(plan)) == plan
        return
    assert "\n" not in message
    assert re.search(r"^PLAN: .*: use kill-after:N, stale:N:K", message)
