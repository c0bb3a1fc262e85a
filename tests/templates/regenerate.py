"""Writes generated-example/ and tests/golden/ again. Run by ``make example``, with the installed ``kaiwuctl``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> int:
    """Write every tree and return the exit status."""
    # At the end, so that the wheels that are installed are found first.
    sys.path.append(str(REPOSITORY))
    from tests.templates.cases import CASES, EXAMPLE
    from tests.templates.generation import GenerationError, contents, generate, golden_contents
    from tests.templates.golden import GOLDEN_FOLDER, Tree, committed_path, diff, write_tree

    trees: dict[str, Tree] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="kaiwuctl-golden-") as parent:
            try:
                project, _ = generate(case, Path(parent))
            except GenerationError as error:
                print(f"error: {case.name}: {error}", file=sys.stderr)
                return 1
            trees[case.name] = golden_contents(project)
            if case is EXAMPLE:
                example = contents(project)
        print(f"generated {case.name}", flush=True)
    # Nothing is replaced before everything is there.
    shutil.rmtree(GOLDEN_FOLDER, ignore_errors=True)
    shutil.rmtree(committed_path(EXAMPLE), ignore_errors=True)
    GOLDEN_FOLDER.mkdir()
    for case in CASES:
        if case is EXAMPLE:
            write_tree(committed_path(case), example)
        elif case.base is None:
            write_tree(committed_path(case), trees[case.name])
        else:
            with tempfile.TemporaryDirectory(prefix="kaiwuctl-golden-") as parent:
                committed_path(case).write_text(diff(Path(parent), trees[case.base], trees[case.name]), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
