# ruff: noqa: E501 - tables read better in long lines
"""Random patterns: well-formed ones, and ones with a mistake in them."""

from __future__ import annotations

from hypothesis import strategies as st

ATOMS = [
    "a", "b", "ß", "K", "\u212a", "\u017f", "s", "é", "日", ".", "^", "$", "\\A", "\\z", "\\b", "\\B", "\\d", "\\D", "\\w",
    "\\W", "\\s", "\\S", "\\n", "\\t", "\\x41", "\\x{1F600}", "\\x{d800}", "\\101", "\\0", "\\.", "\\-", "\\_", "\\<",
    "\\Qa.b\\E", "\\Q*", "\\Q\\E", "\\pL", "\\PL", "\\p{Greek}", "\\P{^Lu}", "\\p{Lu}", "\\p{Nd}", "\\p{Zs}", "\\p{Any}",
    "\\p{Cs}", "\\p{letter}", "\\p{upper_case-letter}", "\\p{digit}", "[[:alpha:]]", "[^[:^space:]a]", "[a-z]", "[^a-c]",
    "[]a]", "[^]a]", "[a-]", "[-a]", "[a\\-z]", "[\\d-a]", "[&&b]", "[a--]", "[a~~b]", "[[a]", "[[:a]", "[\\pL\\d_]",
    "[\\W\\d]", "[^\\W]", "[\\x{d7ff}-\\x{e000}]", "[\\x{d800}-\\x{dfff}]", "[é-ü]", "[^\\n]", "[\\Qa]", "[\\b]", "-",
    "]", "}", "{", "{,3}", "{a}", "{01}", "a{2", ",", "/", "#", " ", "~", "&", "'", "\"", "<", ">", "=", "!", "%", "@",
]  # fmt: skip
MISTAKES = [
    "\\1", "\\9", "\\Z", "\\u0041", "\\h", "\\R", "\\X", "\\K", "\\G", "\\C", "\\i", "\\", "(?=a)", "(?!a)", "(?<=a)",
    "(?<!a)", "(?>a)", "(?#c)", "(?P=n)", "(?P>n)", "(?(1)a)", "(?R)", "(?|a)", "(?x)", "(?u)", "(?a)", "(?i-)", "(?-)",
    "(?--i)", "(?i-s-m)", "(?P<1-2>a)", "(?<>a)", "(?P<é>a)", "(?'n'a)", "(", ")", "[", "[a", "[z-a]", "[a-\\d]",
    "[[:foo:]]", "[[:^:]]", "[\\", "\\p{Foo}", "\\p{Script=Greek}", "\\p{Alphabetic}", "\\p{", "\\p", "\\pX", "\\p{}",
    "\\p{^}", "\\x", "\\x4", "\\x{}", "\\x{110000}", "\\xg0", "a{1001}", "a{2,1}", "a{1,1001}", "a{99999999999}",
    "(a{30}){40}", "a**", "a+*", "a{2}{3}", "a??+", "*", "+", "?", "{2}", "(*a)", "|*", "(?i)*", "\\Z*", "[\\u0041]",
]  # fmt: skip
FRAMES = ["@", "^@$", "(?i)@", "(@)+", "@*"]
WELL_KNOWN = [
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "^[^\\s]+( [^\\s]+){4}$", "^https?:\\/\\/[-+&&@#\\/%?=~_|!:,.;A-z0-9]*$",
    "^[!#$%&'*+\\-.^_\\x60|~[:alnum:]]+$", "^v?(\\d+\\.){2}\\d+(-[\\w.~--]+)?$", "^(?:[0-9A-F]{2}:){5}[0-9A-F]{2}$",
    "^[\\-+*\\/]++$", "^a{1,1000}$", "^(a{10}){100}$", "^(a{10}){101}$", "^((a{2,}){0}){600}$", "^\\pL{1,253}$",
    "^(?P<year>\\d{4})-(?P<month>\\d\\d)$", "^(?U)a+$", "^\\$\\{[^{}]+}$", "^[^/]+/[^/]+$", "^(|a|ab)$", "a||b", "()",
]  # fmt: skip
_SIGNS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{0}", "{1,3}", "{0,1}", "{2,}", "{0,}", "{2,3}?", "{0,0}"]
_FLAGS = ["i", "m", "s", "U", "im", "i-s", "-i", "ims", "s-m", ""]

atoms = st.sampled_from(ATOMS)


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join),
        st.tuples(inner, st.sampled_from(_SIGNS)).map("".join),
        inner.map(lambda text: f"({text})"),
        inner.map(lambda text: f"(?P<n>{text})"),
        inner.map(lambda text: f"(?<m1>{text})"),
        st.tuples(st.sampled_from(_FLAGS), inner).map(lambda pair: f"(?{pair[0]}:{pair[1]})"),
        st.tuples(st.sampled_from(_FLAGS), inner).map(lambda pair: f"(?{pair[0]}){pair[1]}"),
    )


mostly_right = st.recursive(atoms, _extend, max_leaves=8)
with_mistakes = st.recursive(st.one_of(atoms, st.sampled_from(MISTAKES)), _extend, max_leaves=6)
texts = st.text(
    alphabet="abcAzZsS\u017fkK\u212aßéÉäü\u03b1\u03a9日ǅ09_ \t\n\r\v\f.-*{},&~[]\\<\u0661\u00a0\u200b\u2028\x00\x7f😀",
    max_size=6,
)
soup = st.text(alphabet="ab\\(){}[]^$|?*+-:<>P=!iQEpLd0129,.&\n", max_size=12)

TEXTS = [
    "", "a", "b", "A", "K", "\u212a", "ß", "\u03b1", "\u0661", "1", "_", " ", "-", "a\n", "\n", "a.b", "{,3}", "a{01}",
    "aa", "ab-c", "日", "]", "&", "~", "<", "\v", "\u00a0", "Z", "s", "\u017f", "x" * 64, "a-b.c/d",
]  # fmt: skip
"""What the patterns of the committed table are searched in."""


def table_patterns() -> list[str]:
    """Return every atom and mistake, alone and in company."""
    framed = [frame.replace("@", part) for part in (*ATOMS, *MISTAKES) for frame in FRAMES]
    return list(dict.fromkeys([*framed, *WELL_KNOWN]))
