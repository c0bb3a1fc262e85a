"""A change of a template is taken over into a file that the user has changed elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.scaffold.merge import ConflictError, take_over

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n", "\n"]), max_size=12)
OWN = st.lists(st.sampled_from(["mine 1\n", "mine 2\n"]), min_size=1, max_size=3)


@given(before=LINES, after=LINES)
def test_an_unchanged_file_becomes_what_would_be_written(before: list[str], after: list[str]) -> None:
    assert take_over("".join(before), "".join(before), "".join(after)) == "".join(after)


@given(before=LINES, after=LINES)
def test_there_and_back(before: list[str], after: list[str]) -> None:
    old, new = "".join(before), "".join(after)
    assert take_over(take_over(old, old, new), new, old) == old


@given(before=LINES, after=LINES, own=OWN, place=st.integers(0, 12))
def test_a_users_lines_are_never_lost(before: list[str], after: list[str], own: list[str], place: int) -> None:
    place = min(place, len(before))
    mine = [*before[:place], *own, *before[place:]]
    try:
        result = take_over("".join(mine), "".join(before), "".join(after))
    except ConflictError:
        return
    lines = result.splitlines(keepends=True)
    assert [line for line in lines if line.startswith("mine")] == own
    assert sorted(line for line in lines if not line.startswith("mine")) == sorted(after)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1\n2\n3\n", "1\nB\n3\n"),
        ("mine\n1\n2\n3\n", "mine\n1\nB\n3\n"),
        ("1\n2\n3\nmine\n", "1\nB\n3\nmine\n"),
        ("1\nB\n3\n", "1\nB\n3\n"),
        ("0\n1\nB\n3\n", "0\n1\nB\n3\n"),
    ],
)
def test_the_rest_may_differ(text: str, result: str) -> None:
    assert take_over(text, "1\n2\n3\n", "1\nB\n3\n") == result


@pytest.mark.parametrize("text", ["1\n2 mine\n3\n", "1\n3\n", "", "1\n2\nmine\n3\n", "2\n"])
def test_the_lines_themselves_may_not(text: str) -> None:
    with pytest.raises(ConflictError):
        take_over(text, "1\n2\n3\n", "1\nB\n3\n")
