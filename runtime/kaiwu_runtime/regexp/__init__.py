r"""Regular expressions as the API server reads them: the syntax of Go's ``regexp`` package.

Go compiles the patterns in a CRD; pydantic compiles those in a model with Rust's ``regex``. Both engines are similar
but differ in syntax and details: ``\d`` is ASCII in Go only, ``\Q...\E`` exists in Go only, ``[a&&b]`` has another
meaning. :func:`parse` reads a pattern as Go does and translates it to Rust's syntax, so that a model accepts what the
API server accepts.

See https://pkg.go.dev/regexp/syntax
"""

from kaiwu_runtime.regexp._compiled import go_source
from kaiwu_runtime.regexp._matching import matches
from kaiwu_runtime.regexp._parser import GoPattern, PatternError, parse

__all__ = ["GoPattern", "PatternError", "go_source", "matches", "parse"]
