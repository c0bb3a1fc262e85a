r"""Regular expressions as the API server reads them: the syntax of Go's ``regexp`` package.

A pattern in a CRD is compiled by Go, one in a model by pydantic, which uses Rust's ``regex``. Both have the same engine
at heart and differ in syntax and in small meanings: ``\d`` is ASCII in Go only, ``\Q...\E`` exists in Go only,
``[a&&b]`` means something else. :func:`parse` reads a pattern as Go does and says the same in Rust's words, so that a
model accepts what the API server accepts.

See https://pkg.go.dev/regexp/syntax
"""

from kaiwu_runtime.regexp.compiled import go_source
from kaiwu_runtime.regexp.matching import matches
from kaiwu_runtime.regexp.parser import GoPattern, PatternError, parse

__all__ = ["GoPattern", "PatternError", "go_source", "matches", "parse"]
