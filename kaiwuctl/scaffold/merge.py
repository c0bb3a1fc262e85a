"""Takes a change of a template over into a file that the user may have changed, line by line."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from difflib import Match


class ConflictError(Exception):
    """The user has changed the lines that the template changes."""


def take_over(text: str, before: str, after: str) -> str:
    """Return a file with the change from one text to another.

    A part that changes has to be in the file as it was before, with the lines above and below it; where it is in the
    file as it is afterwards, it stays.

    Args:
        text: The file.
        before: What was written into it once.
        after: What would be written now.

    Raises:
        ConflictError: A part that changes is in the file neither as before nor as afterwards.
    """
    old, new, mine = (each.splitlines(keepends=True) for each in (before, after, text))
    places = [block for block in SequenceMatcher(None, old, mine, autojunk=False).get_matching_blocks() if block.size]
    made = [block for block in SequenceMatcher(None, new, mine, autojunk=False).get_matching_blocks() if block.size]
    changes = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        place = _place(places, start, end, len(old), len(mine))
        if place is not None:
            changes.append((place, place + end - start, new[new_start:new_end]))
        elif _place(made, new_start, new_end, len(new), len(mine)) is None or not _is_replaced(
            old[start:end], new[new_start:new_end], mine
        ):
            raise ConflictError
    for first, last, lines in reversed(changes):
        mine[first:last] = lines
    return "".join(mine)


def _is_replaced(old: list[str], new: list[str], mine: list[str]) -> bool:
    """Whether the user has made a change already: what is taken away alone cannot be told from what never was there."""
    return bool(new) and not set(old) & set(mine)


def _place(blocks: list[Match], start: int, end: int, length: int, mine: int) -> int | None:
    """Return where lines are in the file, if they are there in one piece with their neighbours."""
    above, below = max(start - 1, 0), min(end + 1, length)
    if not length:
        return 0 if not mine else None
    for block in blocks:
        if block.a <= above and below <= block.a + block.size:
            return int(block.b + start - block.a)
    return None
